"""The key: which answer is from which system. It is kept outside the study folder, readable by its owner alone.

The manifest holds SHA-256(nonce || key) from the start, so the key cannot be changed after the first rating. With a
passphrase the file is encrypted: scrypt, HMAC-SHA256 in counter mode as the stream, HMAC-SHA256 over the result
(encrypt-then-MAC); the standard library has no block cipher.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import DataError, UsageError
from toolkit.records import JSON

_FORM = "steptune-study-key/1"
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 64}


@dataclass(frozen=True)
class Key:
    """The secret part of a study; `nonce` keeps the commitment from being guessed."""

    nonce: str
    body: JSON

    @property
    def commitment(self) -> str:
        return hashlib.sha256(self.nonce.encode() + canonical(self.body)).hexdigest()


def new_key(body: JSON) -> Key:
    return Key(secrets.token_hex(32), body)


def canonical(value: JSON) -> bytes:
    """The one way to write a value down: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def write_key(path: Path, key: Key, passphrase: str = "") -> None:
    """Write the key, mode 0600, on the disk before this returns.

    Raises:
        UsageError: the file exists already; a key is never replaced.
    """
    content: JSON = {"form": _FORM, "nonce": key.nonce, "key": key.body}
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path} exists already; give another place for the key with --key, or remove it if no study needs it."
        ) from None
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), 0o600)  # whatever the umask
        file.write(canonical(_encrypted(canonical(content), passphrase) if passphrase else content) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_key(path: Path, passphrase: str = "") -> Key:
    """The key of a file.

    Raises:
        DataError: no such file, a wrong passphrase, or a file that was changed.
    """
    content = _parsed(path)
    if "cipher" in content:
        if not passphrase:
            raise UsageError(f"{path} is protected by a passphrase; give it when asked, or with --passphrase-file.")
        content = json.loads(_decrypted(content, passphrase, path))
    if (
        content.get("form") != _FORM
        or not isinstance(content.get("nonce"), str)
        or not isinstance(content.get("key"), dict)
    ):
        raise DataError(f"{path} is not the key of a study, or was changed; take it from your copy.")
    return Key(content["nonce"], content["key"])


def is_encrypted(path: Path) -> bool:
    return "cipher" in _parsed(path)


def _parsed(path: Path) -> JSON:
    try:
        raw = path.read_bytes()
        content = json.loads(raw)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; give the place of the study's key with --key.") from None
    except (ValueError, UnicodeDecodeError):
        raise DataError(
            f"{path} is not the key of a study, or was changed: it is not valid JSON; take it from your copy."
        ) from None
    if not isinstance(content, dict) or canonical(content) + b"\n" != raw:
        raise DataError(f"{path} was changed after it was written; take it from your copy.")
    return content


def _encrypted(plain: bytes, passphrase: str) -> JSON:
    salt = secrets.token_bytes(16)
    stream_key, tag_key = _derived(passphrase, salt)
    cipher = _xor_stream(plain, stream_key)
    return {
        "form": _FORM,
        "salt": salt.hex(),
        "cipher": cipher.hex(),
        "tag": hmac.digest(tag_key, salt + cipher, "sha256").hex(),
    }


def _decrypted(content: JSON, passphrase: str, path: Path) -> bytes:
    try:
        salt, cipher, tag = (bytes.fromhex(content[name]) for name in ("salt", "cipher", "tag"))
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path} was changed after it was written; take it from your copy.") from None
    stream_key, tag_key = _derived(passphrase, salt)
    if not hmac.compare_digest(tag, hmac.digest(tag_key, salt + cipher, "sha256")) or content.get("form") != _FORM:
        raise DataError(f"{path} does not open: the passphrase is wrong, or the file was changed.")
    return _xor_stream(cipher, stream_key)


def _derived(passphrase: str, salt: bytes) -> tuple[bytes, bytes]:
    material = hashlib.scrypt(passphrase.encode(), salt=salt, **_SCRYPT)
    return material[:32], material[32:]


def _xor_stream(data: bytes, key: bytes) -> bytes:
    blocks = range((len(data) + 31) // 32)
    stream = b"".join(hmac.digest(key, number.to_bytes(8, "big"), "sha256") for number in blocks)[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big") if data else b""
