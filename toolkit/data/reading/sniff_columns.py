"""Which column holds the question and which the steps: by their names in several languages, else by what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.data.pages.written_steps import NoSteps, parse_steps
from toolkit.data.reading.answers import looks_like_html, unescaped
from toolkit.data.reading.conversations import is_conversation, pair_of
from toolkit.data.words.questions import ask
from toolkit.data.words.task_words import words

# Names that leave no doubt, then names that other things have as well.
QUESTION_NAMES = (
    words(
        "prompt question questions query frage pregunta pergunta pertanyaan domanda vraag pytanie вопрос 質問 问题 問題"
        " q"
    ),
    words(
        "instruction title subject titel titre título titulo judul titolo タイトル 标题 input user human ask issue task"
    ),
    words("summary name heading problem description"),
)
ANSWER_NAMES = (
    words(
        "output answer answers response antwort respuesta réponse reponse resposta jawaban risposta antwoord ответ"
        " odpowiedź 回答 答案 completion reply steps langkah schritte étapes pasos passos solution a"
    ),
    words("body content text resolution html_body body_html assistant target chosen lösung lösungstext inhalt"),
)
OTHER_NAMES = {
    "id": words("id nr no key"),
    "domain": words("domain category kategorie categoría catégorie kategori categoria thema topic"),
    "language": words("language lang locale sprache bahasa langue idioma"),
}
SOME = 0.05  # share of the answers from which they may be HTML
CONVERSATIONS = ("messages", "conversations", "conversation", "chat")
STEP_LISTS = words("step steps langkah schritte pasos étapes etapes passos instructions")
DEEPEST = 5
MOST_JUDGED = 60
LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Columns:
    """What the columns of a table were taken for, as options of its source, and what to say about them."""

    options: dict[str, Any] = field(default_factory=dict)
    said: str = ""
    warning: str = ""


class Unsure(Exception):
    """Two readings are equally likely, or none is; the text says what to give."""


def find_columns(records: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> Columns:
    """The columns of some records. `given`: options of the source that the user decided.

    Raises:
        Unsure: it is not clear which column is meant.
    """
    if not given.get("prompt_field") and (found := _conversation(records)):
        pairs = [pair for record in records if not isinstance(pair := pair_of(record.get(found)), str)]
        as_html = _share([answer for _, answer in pairs], looks_like_html) > SOME
        html = {"html": True} if as_html else {}
        return Columns({"messages_field": found, **html}, f"conversations in `{found}`{' (HTML)' if as_html else ''}")
    texts = _texts_by_column(records)
    if not texts:
        raise Unsure("no column holds text")
    answer = given.get("output_field") or _answer_column(texts)
    is_alpaca = "instruction" in texts and "input" in texts and answer not in ("instruction", "input")
    question = given.get("prompt_field") or ("instruction" if is_alpaca else _question_column(texts, answer))
    options: dict[str, Any] = {"prompt_field": question, "output_field": answer}
    warning = ""
    if is_alpaca and question == "instruction":
        options["input_field"] = "input"
        warning = _alpaca_warning(texts)
    if _share(texts.get(answer, []), looks_like_html) > SOME:
        options["html"] = True
    others = dict(given.get("columns") or {}) or _others(records)
    if others:
        options["columns"] = others
    return Columns(options, _said(options), warning)


def is_a_row(names: Sequence[str]) -> bool:
    """Whether what stands where columns are named is a row of the table: one of the names holds steps."""
    return any(map(_holds_steps, names))


def _said(options: Mapping[str, Any]) -> str:
    behind = f" with `{options['input_field']}`" if options.get("input_field") else ""
    as_html = " (HTML)" if options.get("html") else ""
    others = "".join(f", {what}: `{column}`" for what, column in options.get("columns", {}).items())
    return f"question: `{options['prompt_field']}`{behind}, answer: `{options['output_field']}`{as_html}{others}"


def _alpaca_warning(texts: Mapping[str, list[str]]) -> str:
    if len(texts["instruction"]) < 2 or len(set(texts["instruction"])) > 1:
        return ""
    return (
        f"`instruction` is the same in all rows ({texts['instruction'][0][:60]!r}) and part of every question; set"
        " prompt_field: input to leave it out"
    )


def _conversation(records: Sequence[Mapping[str, Any]]) -> str | None:
    for key in CONVERSATIONS:
        if any(is_conversation(record.get(key)) for record in records):
            return key
    return None


def _texts_by_column(records: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The texts of each column by its dotted name, in the order in which columns turn up."""
    found: dict[str, list[str]] = {}
    for record in records[:MOST_JUDGED]:
        for name, text in _leaves(record, "", 0):
            if text.strip():
                found.setdefault(name, []).append(text)
    return found


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping) and depth < DEEPEST:
        for key, inner in value.items():
            if key != "meta":
                yield from _leaves(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        yield name, "\n".join(f"{number}. {item}" for number, item in enumerate(value, start=1))
    elif isinstance(value, list) and _plain(name) in STEP_LISTS and (key := _text_key(value)):
        yield from _leaves([item[key] for item in value], f"{name}.{key}", depth)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping) and depth < DEEPEST:
        yield from _leaves(value[0], f"{name}.0", depth + 1)


def _text_key(steps: list[Any]) -> str | None:
    """The key under which every object of a list of steps has its text."""
    if not all(isinstance(step, Mapping) for step in steps):
        return None
    held = [key for key in (steps[0] if steps else ()) if all(isinstance(step.get(key), str) for step in steps)]
    return max(held, key=lambda key: sum(len(step[key]) for step in steps), default=None)


def _answer_column(texts: Mapping[str, list[str]]) -> str:
    named = _by_name(texts, ANSWER_NAMES)
    with_steps = [name for name in texts if _share(texts[name], _holds_steps) >= LEAST_SHARE]
    both = [name for name in named if name in with_steps]
    return _only("the answer", "output_field", both or named or with_steps, texts)


def _question_column(texts: Mapping[str, list[str]], answer: str) -> str:
    left = {name: held for name, held in texts.items() if name != answer}
    named = _by_name(left, QUESTION_NAMES)
    asking = [name for name in left if _share(left[name], _asks) >= LEAST_SHARE]
    both = [name for name in named if name in asking]
    return _only("the question", "prompt_field", both or named or asking, texts)


def _only(what: str, option: str, found: Sequence[str], texts: Mapping[str, list[str]]) -> str:
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"`{name}`" for name in texts)
    if not found:
        raise Unsure(f"no column looks like {what}; the columns are {names}; name it: {option}: COLUMN")
    first, second = found[:2]
    raise Unsure(f"{what} may be `{first}` or `{second}`; say which: {option}: {first}")


def _by_name(texts: Mapping[str, list[str]], tiers: Sequence[frozenset[str]]) -> list[str]:
    """The columns of the first tier that any is in. Columns without a dot go before nested ones."""
    for tier in tiers:
        found = [name for name in texts if _plain(name) in tier]
        if found:
            return [name for name in found if "." not in name] or found
    return []


def _plain(name: str) -> str:
    last = next((part for part in reversed(name.split(".")) if not part.isdigit()), name)
    return re.sub(r"[\s\-]+", "_", last.strip().casefold()).strip("_ :")


def _others(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Columns of ids, domains and languages that are called otherwise."""
    columns = list(dict.fromkeys(name for record in records for name in record if isinstance(name, str)))
    found: dict[str, str] = {}
    for what, names in OTHER_NAMES.items():
        column = next((name for name in columns if _plain(name) in names), None)
        if column and column != what and what not in columns:
            found[what] = column
    return found


def _share(texts: Sequence[str], holds: Any) -> float:
    return sum(map(holds, texts)) / len(texts) if texts else 0.0


def _holds_steps(text: str) -> bool:
    if looks_like_html(text):
        return "<li" in unescaped(text)
    try:
        return len(parse_steps(text[:5000])[0]) > 1
    except NoSteps:
        return False


def _asks(text: str) -> bool:
    return len(text) < 400 and (text.rstrip().endswith("?") or ask(text, "") is not None)
