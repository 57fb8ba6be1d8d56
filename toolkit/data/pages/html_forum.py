"""The page of a forum thread: the question in its title, answered by the post that was accepted or has most votes.

Threads that carry microdata (QAPage) are read by that; here are those which only name their parts in class attributes.
"""

from __future__ import annotations

import re
from functools import lru_cache

from toolkit.data.pages.html_markup import TITLE_MARKUP, language_of
from toolkit.data.pages.html_walk import Walker
from toolkit.data.pages.markup_items import Element, inline_text
from toolkit.data.pages.sections import Section

ACCEPTED = re.compile(
    r"\b(?:accepted|best|chosen|verified|top)[-_]?(?:answer|solution|reply|post|response)|\b(?:answer|post|reply|message)[\w-]*[-_](?:accepted|best|solution|solved)\b|\bis-?solution\b",
    re.IGNORECASE,
)
ANSWER = re.compile(r"(?:^|\s)(?:answer|reply|forum-answer|qa-answer)(?:\s|$)", re.IGNORECASE)
BODY = re.compile(
    r"post-?(?:text|body|content)|postbody|message-?(?:body|content|text)|s-prose|cooked|bbwrapper|answer-?(?:body|text|content)",
    re.IGNORECASE,
)
TITLE = re.compile(r"(?:question|thread|topic)[-_]?(?:title|hyperlink|subject)|p-title-value", re.IGNORECASE)
VOTES = ("data-score", "data-votes", "data-upvotes")
LONGEST_CLASS = 500


def read_thread(root: Element, text: str, language: str) -> list[Section]:
    """The question with its best answer, or [] for a page that is no thread or marks no answer as the best."""
    if "acceptedAnswer" in text:
        return []
    answer = _best(root)
    title = None if answer is None else _title(root)
    if answer is None or title is None:
        return []
    section = Section(inline_text(title, TITLE_MARKUP), title.sourceline or 0, language_of(root, language))
    body = next((element for element in answer.iterdescendants() if _matches(BODY, element.get("class", ""))), answer)
    return Walker(root, section.language).read_below(section, body)


def _best(root: Element) -> Element | None:
    """The accepted post, else the answer with most votes. A mark inside a post ("accepted-answer-icon") stands for the
    post.
    """
    voted: list[tuple[int, Element]] = []
    for element in root.iter("div", "article", "li", "section", "tr"):
        if not (attributes := element.keys()):
            continue
        names = element.get("class", "")
        if names and _matches(ACCEPTED, names) and len("".join(element.itertext()).strip()) > 40:
            return element
        votes = next((element.get(key) for key in VOTES if key in attributes and element.get(key)), None)
        if votes is not None and _matches(ANSWER, names) and votes.lstrip("-").isdigit():
            voted.append((int(votes), element))
    return max(voted, key=lambda pair: pair[0])[1] if voted else None


def _title(root: Element) -> Element | None:
    named = (
        element
        for element in root.iter("h1", "h2", "h3", "div", "a", "span")
        if _matches(TITLE, element.get("class", ""))
    )
    headline = root.find(".//h1")
    return headline if headline is not None else next(named, None)


@lru_cache(maxsize=4096)
def _matches(pattern: re.Pattern[str], classes: str) -> bool:
    return len(classes) <= LONGEST_CLASS and bool(pattern.search(classes))
