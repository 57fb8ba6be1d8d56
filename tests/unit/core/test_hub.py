"""What preflight says of hub models, against a stand-in for the hub: cache, bytes, token, terms, no network."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub_stand_in import COMMIT, Hub, serving
from toolkit.errors import ModelError
from toolkit.hub import models, wire
from toolkit.hub.models import find_hub_model, is_hub_id
from toolkit.planning.hub_check import check_hub_models
from toolkit.runs.recorder import Recorder
from toolkit.settings import EvaluateSettings, GenerateSettings, SftSettings

NAME = "org/tiny"
UNROUTED = "http://192.0.2.1:9"  # a documentation address: no host answers, most networks drop the packets


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model-1-of-2.safetensors").write_bytes(b"a" * 300_000)
    (folder / "model-2-of-2.safetensors").write_bytes(b"b" * 200_000)
    (folder / "consolidated.safetensors").write_bytes(b"c" * 500_000)
    shards = {"x": "model-1-of-2.safetensors", "y": "model-2-of-2.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    return folder


@pytest.fixture
def hub(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    models._listing.cache_clear()
    with serving(Hub(NAME, model)) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


def download(model: Path, home: Path, *left_out: str) -> Path:
    """The model in the hub's cache, as its libraries leave it."""
    folder = home / "hub" / "models--org--tiny"
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    for file in model.iterdir():
        if file.name not in left_out and not file.name.startswith("consolidated"):
            (snapshot / file.name).write_bytes(file.read_bytes())
    return snapshot


def test_only_the_files_that_the_index_names_are_counted(hub: Hub) -> None:
    found = find_hub_model(NAME)
    assert found.problem is None
    assert found.bytes_missing == found.bytes_in_all
    assert sorted(name for name in found.files if name.endswith("safetensors")) == [
        "model-1-of-2.safetensors",
        "model-2-of-2.safetensors",
    ]
    assert "model-1-of-2.safetensors" not in find_hub_model(NAME, weights=False).files


def test_what_lies_in_the_cache_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    snapshot = download(hub.folder, tmp_path / "home", "model-2-of-2.safetensors")
    found = find_hub_model(NAME)
    assert (found.snapshot, found.missing) == (snapshot, {"model-2-of-2.safetensors": 200_000})
    (check,) = check_hub_models([GenerateSettings(model=NAME)])
    assert check.level == "ok"
    assert f"{NAME} {COMMIT[:8]}: 0.00 of 0.00 GB will be fetched" in check.message


def test_a_gated_model_names_the_token_or_the_terms_that_are_missing(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated, hub.tokens, hub.admitted = True, frozenset({"mine", "old"}), frozenset({"mine"})
    assert f"accept its terms at {hub.url}/{NAME}, then run `hf auth login`" in str(find_hub_model(NAME).problem)
    monkeypatch.setenv("HF_TOKEN", "old")
    assert "the account of your token has no access yet" in str(find_hub_model(NAME).problem)
    monkeypatch.setenv("HF_TOKEN", "wrong")
    models._listing.cache_clear()
    assert "refuses your token" in str(find_hub_model(NAME).problem)
    monkeypatch.delenv("HF_TOKEN")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "token").write_text("mine\n")
    models._listing.cache_clear()
    assert find_hub_model(NAME).problem is None


def test_a_gated_model_in_the_cache_needs_no_token(hub: Hub, tmp_path: Path) -> None:
    hub.gated = True
    download(hub.folder, tmp_path / "home")
    assert find_hub_model(NAME).problem is None


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [("org/other", None, "shows no model org/other"), (NAME, "v9", f"{NAME} has no such revision")],
)
def test_names_that_the_hub_does_not_know(hub: Hub, name: str, revision: str | None, message: str) -> None:
    assert message in str(find_hub_model(name, revision).problem)


@pytest.mark.parametrize("network", ["closed", "unrouted", "silent"])
def test_without_a_network_the_cache_serves_or_the_reason_is_said_at_once(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
    endpoints = {"closed": "http://127.0.0.1:1", "unrouted": UNROUTED, "silent": hub.url}
    monkeypatch.setenv("HF_ENDPOINT", endpoints[network])
    hub.hang_s = 5.0
    started = time.monotonic()
    checks = list(check_hub_models([SftSettings(), GenerateSettings(), EvaluateSettings()]))
    assert time.monotonic() - started < 3
    assert [check.level for check in checks] == ["refused", "refused"]  # the language model and BERTScore's encoder
    assert "mistralai/Mistral-7B-Instruct-v0.2 is not in the hub's cache" in checks[0].message
    assert f"{endpoints[network]} does not answer" in checks[0].message
    snapshot = download(hub.folder, tmp_path / "home")
    found = find_hub_model(NAME)
    assert (found.snapshot, found.missing, found.problem) == (snapshot, {}, None)


def test_offline_by_the_users_own_wish_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE is set" in str(find_hub_model(NAME).problem)
    assert not hub.asked


def test_half_a_download_does_not_count_as_the_model(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    download(hub.folder, tmp_path / "home", "model-2-of-2.safetensors")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE is set" in str(find_hub_model(NAME).problem)
    assert find_hub_model(NAME, weights=False).problem is None


def test_a_token_does_not_follow_a_redirect_to_another_host() -> None:
    request = wire.urllib.request.Request("https://hub.example/a", headers={"Authorization": "Bearer mine"})
    for url, kept in (("https://hub.example/b", True), ("https://files.example/b", False)):
        following = wire._LeavesTokenBehind().redirect_request(request, None, 302, "", {}, url)
        assert following.has_header("Authorization") == kept


def test_a_disk_that_is_too_small_for_the_download_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.planning.hub_check.shutil.disk_usage", lambda _: type("", (), {"free": 1000}))
    *_, last = check_hub_models([GenerateSettings(model=NAME)])
    assert (last.level, "set HF_HOME" in last.message) == ("refused", True)


def test_which_names_are_the_hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "org" / "local").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    names = ["org/model", "roberta-large", "org/local", "./x", "/x", "~/x", "embedded:gemma-3-270m"]
    assert [name for name in names if is_hub_id(name)] == ["org/model", "roberta-large"]


def test_a_download_shows_its_bytes_and_is_kept_whole(hub: Hub, tmp_path: Path) -> None:
    """By a program of its own: the hub's library reads its environment when it is imported."""
    hub.bytes_per_second = 1_000_000.0
    run_program(DOWNLOADING, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {row["phase"] for row in rows} == {"download"}
    shares = [row["done"] / row["total"] for row in rows]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    snapshot = tmp_path / "home" / "hub" / "models--org--tiny" / "snapshots" / COMMIT
    assert (snapshot / "model-2-of-2.safetensors").read_bytes() == b"b" * 200_000
    assert not (snapshot / "consolidated.safetensors").exists()


def test_a_stop_ends_a_download_and_keeps_what_has_arrived(hub: Hub, tmp_path: Path) -> None:
    hub.bytes_per_second = 20_000.0
    started = time.monotonic()
    said = run_program(STOPPED, tmp_path)
    assert "Cancelled" in said
    assert time.monotonic() - started < 10  # the whole takes 15 s


DOWNLOADING = """
from toolkit.downloads import local_model
print(local_model("org/tiny", recorder=recorder))
"""
STOPPED = """
import threading
import huggingface_hub.constants
from toolkit.downloads import local_model
huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE = 1 << 14  # the library's own pieces are larger than this model
threading.Timer(2.0, lambda: setattr(recorder, "stop_requested", True)).start()
try:
    local_model("org/tiny", recorder=recorder)
except Exception as error:
    print(type(error).__name__)
"""


def run_program(text: str, tmp_path: Path) -> str:
    import subprocess
    import sys

    (tmp_path / "run").mkdir()
    frame = "from pathlib import Path\nfrom toolkit.runs.recorder import Recorder\nrecorder = Recorder(Path('run'))\n"
    done = subprocess.run(
        [sys.executable, "-c", frame + text], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_model_that_is_not_there_is_an_error_of_the_run_too(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolkit.downloads import local_model

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        local_model(NAME, recorder=Recorder(None))
