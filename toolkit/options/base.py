"""What all groups of options share: strictness, paths that must exist, and values as people write them in YAML."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from toolkit.bundled import resolve_bundled


class Options(BaseModel):
    """Base of every group of options: frozen, unknown keys refused, defaults checked like given values."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, protected_namespaces=())

    @classmethod
    def of(cls, whole: Self) -> Self:
        """This group alone, cut out of settings (or of a larger group) that hold it."""
        return cls.model_validate({name: getattr(whole, name) for name in cls.model_fields})

    def with_options(self, *groups: Options) -> Self:
        """A copy in which the options that each group was given replace this one's; those that a group left out stay.

        `settings.with_options(MemoryOptions(optim="adamw_torch"))` changes `optim` alone.

        Raises:
            TypeError: a group that is no part of this one.
            ValidationError: options that contradict each other.
        """
        values = {name: getattr(self, name) for name in self.model_fields_set}
        for group in groups:
            if not isinstance(self, type(group)):
                raise TypeError(f"{type(group).__name__} is no part of {type(self).__name__}")
            values |= {name: getattr(group, name) for name in group.model_fields_set}
        return self.model_validate(values)


def _absolute(value: Any) -> Any:
    """`bundled:NAME` is a file of the recipes folder; other relative paths are relative to where the command runs."""
    if not isinstance(value, (str, Path)):
        return value
    return Path(os.path.abspath(resolve_bundled(str(value)).expanduser()))


def _must_exist(path: Path) -> Path:
    if not path.exists():
        raise ValueError(f"{path} does not exist; give the path of an existing file or folder")
    return path


def _one_or_more(value: Any) -> Any:
    """Checked here, so that a path that is missing is told as one and not as "no list" as well."""
    if isinstance(value, list | tuple):
        return [_one_or_more(part) for part in value]
    path = _absolute(value)
    return _must_exist(path) if isinstance(path, Path) else path


def none_word(value: Any) -> Any:
    """`none`, `null` and an empty text are no value."""
    return None if isinstance(value, str) and value.strip().lower() in {"", "none", "null"} else value


def off_is_none(value: Any) -> Any:
    """For choices with a `none`: `no`, `off` and `false` mean it as well."""
    return "none" if value is False or value is None or str(value).lower() in {"no", "off", "false"} else value


def _folder_is_absolute(value: str) -> str:
    """A model's folder stays the same one from wherever the run is resumed or its adapter is merged."""
    return os.path.abspath(Path(value).expanduser()) if value and Path(value).expanduser().is_dir() else value


def _address(value: str) -> str:
    """An address of a server as it may stand in a run folder. What follows `?`, and a name with a password, are often
    secrets: the refusal does not show them.
    """
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or any(letter.isspace() for letter in value):
        raise ValueError(
            "must be an address that begins with http:// or https://, for example http://localhost:8000/v1"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(
            "holds a password, or more behind a ? or #, which would stand in the run folder; give the address alone,"
            " and the key in an environment variable (see docs/security.md)"
        )
    return value


def _variable_name(value: str) -> str:
    """Who gives the key itself must not find it in the run folder: it is not shown."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("must be the name of an environment variable, such as OPENAI_API_KEY, and not the key itself")
    return value


VariableName = Annotated[str, AfterValidator(_variable_name)]
OptionalVariableName = Annotated[VariableName | None, BeforeValidator(none_word)]
Address = Annotated[str, AfterValidator(_address)]
ModelName = Annotated[str, AfterValidator(_folder_is_absolute)]
ExistingPath = Annotated[Path, BeforeValidator(_absolute), AfterValidator(_must_exist)]
OneOrMorePaths = Annotated[Path | list[Path], BeforeValidator(_one_or_more)]
OptionalPath = Annotated[ExistingPath | None, BeforeValidator(none_word)]
OptionalText = Annotated[str | None, BeforeValidator(none_word)]
OptionalAddress = Annotated[Address | None, BeforeValidator(none_word)]
OptionalCount = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(none_word)]
OptionalShare = Annotated[Annotated[float, Field(ge=0.0, le=1.0)] | None, BeforeValidator(none_word)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Quantization = Annotated[Literal["nf4", "8bit", "none"], BeforeValidator(off_is_none)]
PromptFormatName = Literal["auto", "mistral_v0.2", "howto", "chat_template"]
