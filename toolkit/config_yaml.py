"""YAML as people mean it: `1e-4` is a number, only `true` and `false` are booleans, and what readers of YAML take in
two ways is named in place of being guessed: a key that is given twice, `010`, `1:30`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml


class Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's booleans and numbers."""


Loader.yaml_implicit_resolvers = {
    first: [
        (tag, regexp)
        for tag, regexp in resolvers
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|nan))$"),
    list("-+.0123456789"),
)
_OCTAL = re.compile(r"[-+]?0[0-7_]+$")


@dataclass(frozen=True)
class Doubt:
    """Something that is read in two ways: under which key, in which line (from 1), and what to write instead."""

    key: str
    line: int
    message: str


def doubts(node: yaml.Node | None, at: str = "") -> Iterator[Doubt]:
    """Every such place of a document; an empty one has no node."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, line = f"{at}.{key.value}".lstrip("."), key.start_mark.line + 1
            if name in seen:
                yield Doubt(name, line, f"is given twice, in line {seen[name]} as well; keep one of the two")
            seen.setdefault(name, line)
            yield from doubts(value, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from doubts(item, f"{at}.{index}".lstrip("."))
    elif isinstance(node, yaml.ScalarNode) and (message := _doubtful_number(node)):
        yield Doubt(at, node.start_mark.line + 1, message)


def _doubtful_number(node: yaml.ScalarNode) -> str:
    text = node.value
    if node.style is not None or node.tag != "tag:yaml.org,2002:int":
        return ""
    if ":" in text:
        return f"found {text}, which YAML reads as {_value(text)} (base 60); write the number, or '{text}' for a text"
    if _OCTAL.match(text) and text.lstrip("-+0_"):
        plain = text.replace("_", "").lstrip("-+").lstrip("0")
        return (
            f"found {text}, which YAML reads as {_value(text)} (base 8); write {plain} for the number, or '{text}' for"
            " a text"
        )
    return ""


def _value(text: str) -> Any:
    return yaml.load(text, Loader=Loader)
