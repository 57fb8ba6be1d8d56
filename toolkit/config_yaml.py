"""The one place that reads YAML. As people mean it: `1e-4` is a number, only `true` and `false` are booleans, and what
readers of YAML take in two ways is named in place of being guessed: a key that is given twice, `010`, `1:30`.

Whatever a text holds, it is read within bounds and makes no objects but plain values: a few lines of aliases that stand
for a billion values are refused, as are an alias to itself, nesting without end, and tags of Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.constructor import ConstructorError

MOST_VALUES = 100_000  # with each alias counted as often as it is used
DEEPEST = 100
LONGEST_NUMBER = 400  # characters; a float has at most 309 digits before its point
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# What PyYAML's constructors raise for a text that does not fit its tag: `!!int abc`, `0x_`, `!!bool maybe`.
_MISFITS = (ValueError, KeyError, AttributeError, IndexError, TypeError)


class _Bounded:
    """What no document may do, over any loader of PyYAML."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[attr-defined]
            raise yaml.composer.ComposerError(None, None, f"nested more than {DEEPEST} deep", mark)
        node = super().compose_node(parent, index)  # type: ignore[misc]
        self.depth -= 1
        return node

    def fetch_flow_collection_start(self, token: Any) -> None:
        """As above, before the scanner has looked a thousand brackets ahead, which takes the square of their time."""
        if self.flow_level >= DEEPEST:  # type: ignore[attr-defined]
            raise yaml.scanner.ScannerError(None, None, f"nested more than {DEEPEST} deep", self.get_mark())  # type: ignore[attr-defined]
        super().fetch_flow_collection_start(token)  # type: ignore[misc]

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag in _NUMBERS and len(node.value) > LONGEST_NUMBER:
            raise ConstructorError(None, None, f"found a number of {len(node.value):,} characters", node.start_mark)
        try:
            return super().construct_object(node, deep)  # type: ignore[misc]
        except _MISFITS as error:
            kind = node.tag.rsplit(":", 1)[-1]
            raise ConstructorError(None, None, f"found what is no {kind}", node.start_mark) from error


class PlainLoader(_Bounded, yaml.SafeLoader):
    """YAML 1.1, as accelerate reads its own files."""


class QuickLoader(_Bounded, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same by libyaml where it is there: what viewers read many of."""


class Loader(PlainLoader):
    """With YAML 1.2's booleans and numbers."""


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


def read_yaml(text: str | bytes, loader: type[Any] = Loader) -> Any:
    """The value of a document; None for an empty one. Raises yaml.YAMLError, whatever the text is."""
    return compose_yaml(text, loader)[1]


def compose_yaml(text: str | bytes, loader: type[Any] = Loader) -> tuple[yaml.Node | None, Any]:
    """The document as nodes, which know their lines, and its value. Raises yaml.YAMLError, whatever the text is."""
    reader = None
    try:
        reader = loader(text)
        node = reader.get_single_node()
        if node is None:
            return None, None
        _require_bounded(node)
        return node, reader.construct_document(node)
    except RecursionError as error:
        raise yaml.YAMLError("nested too deeply") from error
    finally:
        if reader is not None:
            reader.dispose()


def _require_bounded(root: yaml.Node) -> None:
    """Raises ConstructorError for aliases that lead to themselves, or that multiply to more than MOST_VALUES."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if isinstance(node, yaml.ScalarNode):
            return 1
        if id(node) not in sizes:
            sizes[id(node)] = MOST_VALUES + 1  # for as long as it is not known: what holds itself is endless
            sizes[id(node)] = 1 + sum(size(part) for part in _parts(node))
        return sizes[id(node)]

    if size(root) > MOST_VALUES:
        message = f"aliases stand for more than {MOST_VALUES:,} values, or for themselves"
        raise ConstructorError(None, None, message, root.start_mark)


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    for part in node.value:
        yield from part if isinstance(part, tuple) else (part,)


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
    return read_yaml(text)
