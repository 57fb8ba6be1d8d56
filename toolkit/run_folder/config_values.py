"""A run's config.yaml for viewers: plain values, whatever version wrote it. The run itself uses toolkit.config."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.records import JSON
from toolkit.run_folder.folder import RunFolder


@dataclass(frozen=True)
class ConfigValues:
    """`values` by option; `problem` says in a sentence why there are none, "" where the file could be read."""

    values: JSON = field(default_factory=dict)
    problem: str = ""

    @property
    def flat(self) -> dict[str, Any]:
        """The values by their dotted names."""
        return flatten(self.values)


def edits_since_start(run: RunFolder) -> dict[str, tuple[Any, Any]]:
    """Options of config.yaml that were edited since the newest attempt: (before, now) by dotted name, None where a
    side has none.
    """
    before, now = _read(run.started_config_file), _read(run.config_file)
    if not before.values or now.problem:
        return {}
    old, new = before.flat, now.flat
    return {name: (old.get(name), new.get(name)) for name in {**old, **new} if old.get(name) != new.get(name)}


def read_config(run: RunFolder) -> ConfigValues:
    """Never raises: a missing file has no values, a damaged one a problem."""
    return _read(run.config_file)


def _read(file: Path) -> ConfigValues:
    import yaml  # takes longer to import than the list of runs takes to read

    from toolkit.config_yaml import QuickLoader, read_yaml

    try:
        found = read_yaml(file.read_bytes(), QuickLoader)
    except FileNotFoundError:
        return ConfigValues()
    except OSError as error:
        return ConfigValues(problem=f"{file} cannot be read: {error.strerror}.")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        return ConfigValues(problem=f"{place}: not valid YAML; the file is damaged or was edited.")
    if found is not None and not isinstance(found, dict):
        return ConfigValues(problem=f"{file}: expected options as `name: value` lines; the file is damaged.")
    return ConfigValues(found or {})


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted names."""
    if not isinstance(value, dict):
        return {prefix.rstrip("."): value} if prefix else {}
    found: dict[str, Any] = {}
    for name, item in value.items():
        found |= flatten(item, f"{prefix}{name}.") if isinstance(item, dict) and item else {f"{prefix}{name}": item}
    return found
