"""Ollama's Modelfile: written from what was trained, read back, and its template rendered by the rules that Ollama
documents (docs/modelfile.md and docs/template.md of its repository).

Rules that are used here. An instruction begins a line, in any case; `#` begins a comment; a value in three double
quotes may have several lines. TEMPLATE is a Go template: `{{ .System }}`, `{{ .Prompt }}` and `{{ .Response }}` are
filled in for each turn, `{{ if .X }} ... {{ end }}` keeps its content where X is not empty, `{{ "text" }}` is that
text, and `{{-` or `-}}` cut white space off before or after. Ollama's runner writes BOS itself where the file says so.
Defaults that it would take otherwise are not those of the evaluation (temperature 0.8, repeat_penalty 1.1), so all are
written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from toolkit.errors import ModelError
from toolkit.options.generation import AnswerOptions

MODELFILE = "Modelfile"
CONTEXT = 4096  # tokens that are asked for at most: the cache is reserved for all of them
_INSTRUCTION = re.compile(
    r"^(FROM|PARAMETER|TEMPLATE|SYSTEM|ADAPTER|LICENSE|MESSAGE)\s+(.*)$", re.IGNORECASE | re.DOTALL
)
_ACTION = re.compile(r'\{\{(-\s)?\s*((?:"(?:[^"\\]|\\.)*"|[^"}]|\}(?!\}))*?)\s*(\s-)?\}\}', re.DOTALL)
_GO_STRING = re.compile(r'^"((?:[^"\\]|\\.)*)"$', re.DOTALL)


@dataclass(frozen=True)
class Modelfile:
    """A Modelfile's content; `parameters` has all values of each name, for `stop` may be given several times."""

    model: str
    template: str
    parameters: dict[str, list[str]] = field(default_factory=dict)


def write_modelfile(
    model_file: str,
    start: str,
    suffix: str,
    stop_texts: list[str],
    answering: AnswerOptions,
    context: int | None,
) -> str:
    """The text of a Modelfile.

    Args:
        start: what stands before a question, without a BOS that the runner adds.
    """
    parameters = [
        *(f'stop "{text}"' for text in stop_texts),
        f"temperature {answering.temperature:g}",
        f"top_p {answering.top_p:g}",
        "top_k 0",
        "min_p 0",
        "repeat_penalty 1",
        "repeat_last_n -1",
        f"presence_penalty {answering.presence_penalty:g}",
        f"num_predict {answering.max_new_tokens}",
        f"num_ctx {min(context or CONTEXT, CONTEXT)}",
    ]
    gap = r'{{ "\n\n" }}'
    template = (
        f"{_go_text(start)}{{{{ if .System }}}}{{{{ .System }}}}{gap}{{{{ end }}}}{{{{ .Prompt }}}}{_go_text(suffix)}"
        "{{ .Response }}"
    )
    lines = [f"FROM ./{model_file}", f'TEMPLATE """{template}"""', *(f"PARAMETER {line}" for line in parameters)]
    return "\n".join(lines) + "\n"


def parse_modelfile(text: str) -> Modelfile:
    """What a Modelfile says.

    Raises:
        ModelError: it has no FROM or no TEMPLATE, or a line that is no instruction.
    """
    values: dict[str, list[str]] = {}
    parameters: dict[str, list[str]] = {}
    for name, value in _instructions(text):
        if name == "PARAMETER":
            key, _, given = value.partition(" ")
            parameters.setdefault(key.lower(), []).append(_unquoted(given.strip()))
        else:
            values.setdefault(name, []).append(value)
    if "FROM" not in values or "TEMPLATE" not in values:
        raise ModelError(
            "The Modelfile lacks FROM or TEMPLATE; expected one as `steptune export --to ollama` writes it."
        )
    return Modelfile(values["FROM"][-1], values["TEMPLATE"][-1], parameters)


def render_template(template: str, prompt: str, system: str = "", response: str = "") -> str:
    """A turn as Ollama's template writes it.

    Raises:
        ModelError: an action that is not among the rules above.
    """
    fields = {".Prompt": prompt, ".System": system, ".Response": response}
    written: list[str] = []
    keeps = [True]
    for literal, action in _pieces(template):
        if keeps[-1]:
            written.append(literal)
        if action is None:
            continue
        if action.startswith("if "):
            keeps.append(keeps[-1] and bool(_value(action[3:].strip(), fields)))
        elif action == "end" and len(keeps) > 1:
            keeps.pop()
        elif keeps[-1]:
            written.append(_value(action, fields))
    if len(keeps) != 1:
        raise ModelError("The Modelfile's template has an {{ if }} without its {{ end }}.")
    return "".join(written)


def _pieces(template: str) -> list[tuple[str, str | None]]:
    """Literal text and the action behind it; the last has none."""
    found: list[tuple[str, str | None]] = []
    place, trims = 0, False
    for match in _ACTION.finditer(template):
        literal = template[place : match.start()]
        literal = literal.lstrip() if trims else literal
        found.append((literal.rstrip() if match[1] else literal, match[2]))
        place, trims = match.end(), bool(match[3])
    rest = template[place:]
    return [*found, (rest.lstrip() if trims else rest, None)]


def _value(action: str, fields: dict[str, str]) -> str:
    if action in fields:
        return fields[action]
    if (text := _GO_STRING.match(action)) is not None:
        return _unescaped(text[1])
    raise ModelError(f"The Modelfile's template has the action {{{{ {action} }}}}, which is not known here.")


def _instructions(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    lines = iter(text.split("\n"))
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _INSTRUCTION.match(line)
        if match is None:
            raise ModelError(f"The Modelfile has a line that is no instruction: {line[:80]!r}.")
        value = match[2]
        if value.startswith('"""'):
            value = value[3:]
            while '"""' not in value:
                following = next(lines, None)
                if following is None:
                    raise ModelError('The Modelfile ends within a text in """.')
                value += "\n" + following
            value = value[: value.index('"""')]
        found.append((match[1].upper(), value))
    return found


def _go_text(text: str) -> str:
    """A literal piece of a Go template. As a Go string wherever braces or quotes could be taken for something else."""
    if "{" in text or "}" in text or '"""' in text or text != text.strip('"'):
        return '{{ "' + _quoted(text) + '" }}'
    return text


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _unescaped(text: str) -> str:
    known = {"n": "\n", "r": "\r", "t": "\t"}
    return re.sub(r"\\(.)", lambda match: known.get(match[1], match[1]), text, flags=re.DOTALL)
