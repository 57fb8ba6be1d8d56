"""Sections of documents as rows: the title becomes the question, its list the answer, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolkit.data.pages.sections import Section, StepList
from toolkit.data.reading.language import is_in_language
from toolkit.data.rows import Dropped, Row
from toolkit.data.words.instructions import JUDGED, are_choices, tell_to_do, usage_of, useful, wish
from toolkit.data.words.languages import surely
from toolkit.data.words.questions import ask, is_asked_in

# "If the number of pages is not a multiple of 4:" leads to a part of the task, not to all of it.
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")
ELSEWHERE = re.compile(r"\bas (?:(?:stated|described|explained|shown|given) )?above\b", re.IGNORECASE)
# "Here is a trick that is useful for bringing out details:"
WAY = re.compile(
    r"\b(?:trick|way|method|procedure|technique|recipe|approach|instructions)\b[^:,]*?\b(?:for|of) (\w+ing\b.*)"
)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
PLACE = re.compile(r"(?:\d+(?:\.\d+)*\.?\s+)?(on|in|for|with|using|via|under|by)\s+([^.:?]{2,40}?)\s*:?", re.IGNORECASE)
ONLY_IF = re.compile(r"(?:if|unless|in case|jika|bila|apabila|kalau)\b", re.IGNORECASE)


def section_rows(section: Section, source: str, name: str, language: str) -> Iterator[Row | Dropped]:
    """The rows of a section. Where it has several lists, the line that leads to each tells what it is for."""
    language = _code(section.language) or language or _other_language(section)
    title = useful(section.title) or section.above or section.title
    meta = {"task": title, **({"language": language} if language else {})}
    row = Row(
        source, f"{name}:{section.line}", meta=meta, lineage=(section.group or section_lineage(name, section.title),)
    )
    if not section.lists:
        if section.has_text:
            yield Dropped(row, "no numbered steps under this title")
        return
    for step_list in section.lists:
        question = _question(section, step_list, language)
        reason = _flaw(step_list, question, section, language)
        if reason:
            yield Dropped(row, reason)
        else:
            steps = "\n".join(f"{number}. {step}" for number, step in enumerate(step_list.steps, start=1))
            yield Row(source, row.place, prompt=question or "", output=steps, meta=meta, lineage=row.lineage)


def _other_language(section: Section) -> str:
    """The language of steps that tell nothing in English or Indonesian, where a classifier is sure of another one."""
    steps = [step for step_list in section.lists for step in step_list.steps]
    if not steps or tell_to_do(steps, "", is_procedure=False):
        return ""
    found = surely(" ".join([section.title, *steps]))
    return "" if found in JUDGED else found


def _code(language: str) -> str:
    """ "en-GB" as "en"; "" for "C", which Mallard's source pages have, and for what is no code of a language."""
    code = language.replace("_", "-").split("-")[0].lower()
    return code if LANGUAGE_CODE.fullmatch(code) else ""


def section_lineage(name: str, title: str) -> str:
    """What everything made of one section of a document has in common."""
    slug = "-".join(re.findall(r"\w+", title.lower()))
    return f"{name}#{slug}"


def _question(section: Section, step_list: StepList, language: str) -> str | None:
    """A title or caption that says nothing ("Usage", "Follow these steps:") leaves the word to the title above it; one
    that names a place or a way alone ("On Windows", "By using the keyboard") tells where or how that is done. One that
    names a wish is asked where the title names no task.
    """
    title, caption = useful(section.title) or section.above, useful(step_list.caption)
    by_title, by_caption = ask(title, language), ask(caption, language) if caption else None
    if by_caption is None and (way := WAY.search(SENTENCE_END.split(caption)[-1])):
        by_caption = ask(way[1], language)
    if language in ("", "en"):
        by_title = by_title or usage_of(section.title, section.above) or _there(ask(section.above, language), title)
        by_caption = by_caption or _there(by_title, caption)
    if by_title is None:
        by_caption = _wanted(step_list.caption, language) or by_caption
    return by_caption if len(section.lists) > 1 else by_title or by_caption


def _wanted(caption: str, language: str) -> str | None:
    """The question of "If you want to print on both sides, do this:"."""
    wanted = wish(caption) if language in JUDGED else ""
    return ask(f"{'cara' if language == 'id' else 'how to'} {wanted}", language) if wanted else None


def _there(question: str | None, place: str) -> str | None:
    """ "How do I install it on Windows?" of the question and "On Windows"."""
    found = PLACE.fullmatch(place)
    if question is None or found is None:
        return None
    return f"{question.rstrip('?')} {found[1].lower()} {found[2]}?"


def _flaw(step_list: StepList, question: str | None, section: Section, language: str) -> str:
    if step_list.flaw:
        return step_list.flaw
    if question is None and len(section.lists) > 1:
        return "several lists under one title, and no line says what this one is for"
    if question is None and not is_asked_in(language):
        return f"titles in this language ({language}) are not turned into questions: {section.title!r}"
    if question is None:
        return f"the title names no task: {section.title!r}"
    if ONLY_IF.match(step_list.caption) and question != _wanted(step_list.caption, language):
        return f"the steps hold for one case only: {step_list.caption[:80]!r}"
    if not tell_to_do(step_list.steps, language, step_list.is_procedure):
        return "the leading words of the steps do not tell to do something"
    if are_choices(step_list.steps, step_list.is_procedure, step_list.caption):
        return f"the steps are choices, not steps: {step_list.steps[0][:60]!r}"
    if step_list.steps[-1].endswith(":"):
        return f"the last step leads to something that stands outside the list: {step_list.steps[-1][-60:]!r}"
    if any(map(ELSEWHERE.search, step_list.steps)):
        return "a step refers to what stands elsewhere: as above"
    if not is_in_language(question, step_list.steps, language):
        return f"the text is not all in the language of the document ({language})"
    return ""
