"""Option values as texts, as the command line and YAML take them, and what differs between two sets of them."""

from __future__ import annotations

import json
from typing import Any

import yaml

from toolkit import bundled
from toolkit.config_yaml import PlainLoader, read_yaml
from toolkit.terminal.text import clean


def difference(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(key, old text, new text) of every option that differs."""
    keys = list(dict.fromkeys([*new, *old]))
    pairs = [(clean(key), value_text(old.get(key)), value_text(new.get(key))) for key in keys]
    return [(key, clean(before), clean(after)) for key, before, after in pairs if not is_same(before, after)]


def value_text(value: Any) -> str:
    """A value as its text on the command line and in YAML; "" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, list | tuple | dict):
        plain = list(value) if isinstance(value, tuple) else value
        return yaml.safe_dump(
            plain, default_flow_style=True, width=1_000_000, sort_keys=False, allow_unicode=True
        ).strip()
    text = str(value)
    return (
        text
        if parsed(text) == text or not text.strip()
        else json.dumps(text, ensure_ascii=False)
        if isinstance(value, str)
        else text
    )


def parsed(text: str) -> Any:
    """The value of a text; the text itself where it is no YAML."""
    try:
        return read_yaml(text, PlainLoader) if text else None
    except yaml.YAMLError:
        return text


def is_same(a: str, b: str) -> bool:
    """Whether two texts are one value: 1e-4 is 0.0001."""
    if a == b:
        return True
    try:
        return float(a) == float(b)
    except ValueError:
        return bool(parsed(a) == parsed(b))


def with_bundled(value: Any) -> Any:
    """Values with paths of shipped files as users write them: `bundled:sample/howto`."""
    folder = f"{bundled.recipes_dir()}/"
    if isinstance(value, dict):
        return {key: with_bundled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_bundled(item) for item in value]
    return f"bundled:{value.removeprefix(folder)}" if isinstance(value, str) and value.startswith(folder) else value
