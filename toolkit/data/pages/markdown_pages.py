"""Markdown manuals: headings and the ordered lists below them. Code fences, tables and bullet lists hold no how-tos."""

from __future__ import annotations

import re
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from toolkit.data.pages.sections import (
    ONLY_A_PICTURE,
    Section,
    StepList,
    TitlesAbove,
    gap,
    join_parts,
    join_substeps,
    tidy,
)
from toolkit.data.pages.step_headings import Heading, step_headings

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
BLOCK_LISTS = frozenset({"ordered_list", "bullet_list"})


def read_markdown(text: str, language: str = "") -> list[Section]:
    """The titled sections of a page in document order. `language`: the one to judge titles by."""
    text = text.replace("\r\n", "\n")
    if matter := FRONT_MATTER.match(text):
        text = "\n" * matter.group().count("\n") + text[matter.end() :]  # line numbers stay right
    root = SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(text))
    sections: list[Section] = []
    above = TitlesAbove()
    steps = _step_headings(root.children, language)
    in_step = False
    for node in root.children:
        if node.type == "heading" and node in steps:
            if not in_step:
                sections[-1].lists.append(StepList([]))
            in_step = True
            sections[-1].lists[-1].steps.append(steps[node])
        elif node.type == "heading":
            above.enter(int(node.tag[1:]), title := _inline(node))
            sections.append(Section(title, (node.map or (0, 0))[0] + 1, above=above.title))
            in_step = False
        elif in_step:
            _take_into_step(node, sections[-1].lists[-1])
        elif sections:
            _take(node, sections[-1])
    return sections


def _step_headings(nodes: list[SyntaxTreeNode], language: str) -> dict[SyntaxTreeNode, str]:
    """The headings that are steps, with what they tell to do."""
    places = [at for at, node in enumerate(nodes) if node.type == "heading"]
    headings = [
        Heading(
            int(nodes[at].tag[1:]), _inline(nodes[at]), any(node.type == "ordered_list" for node in nodes[at:following])
        )
        for at, following in pairwise([*places, len(nodes)])
    ]
    return {nodes[places[at]]: text for at, text in step_headings(headings, language).items()}


def _take_into_step(node: SyntaxTreeNode, steps: StepList) -> None:
    """What stands below "2. Open the lid"."""
    if node.type in BLOCK_LISTS:
        below = _read_list(node)
        steps.steps[-1] = join_substeps(steps.steps[-1], below.steps)
        steps.flaw = steps.flaw or below.flaw
    elif node.type == "paragraph":
        steps.steps[-1] = join_parts([steps.steps[-1], _inline(node)])
    elif node.type in {"fence", "code_block"} and "\n" in node.content.strip():
        steps.flaw = steps.flaw or "a step holds code of several lines"
    elif node.type in {"fence", "code_block"}:
        steps.steps[-1] = join_parts([steps.steps[-1], node.content])
    elif node.type == "table":
        steps.flaw = steps.flaw or "a step holds a table"


def _take(node: SyntaxTreeNode, section: Section) -> None:
    if node.type == "ordered_list":
        steps = _read_list(node)
        steps.caption = section.caption()
        section.add_list(steps, int(node.attrs.get("start", 1)))
    elif node.type == "bullet_list" and section.goes_on_with(_read_list(node)):
        return
    elif node.type == "paragraph":
        section.last_paragraph = tidy(_inline(node))
        section.has_text = True
    else:
        section.has_text = True


def _read_list(node: SyntaxTreeNode) -> StepList:
    steps, flaw = [], ""
    for item in node.children:
        step, item_flaw = _read_item(item)
        flaw = flaw or item_flaw
        if step:
            steps.append(step)
        elif any(_is_picture(inner) for inner in item.walk()):
            flaw = flaw or ONLY_A_PICTURE
    return StepList(steps, flaw=flaw or gap([int(item.info) for item in node.children if item.info.isdecimal()]))


def _is_picture(node: SyntaxTreeNode) -> bool:
    return node.type == "image" or (node.type in {"html_inline", "html_block"} and "<img" in node.content.lower())


def _read_item(item: SyntaxTreeNode) -> tuple[str, str]:
    """The step of a list item and its flaw: paragraphs before sub-steps, the sub-steps, paragraphs after them."""
    before: list[str] = []
    after: list[str] = []
    substeps: list[str] = []
    flaw = ""
    for child in item.children:
        if child.type in BLOCK_LISTS:
            nested = _read_list(child)
            substeps.extend(nested.steps)
            flaw = flaw or nested.flaw
        elif child.type in {"fence", "code_block"}:
            if "\n" in child.content.strip():
                flaw = flaw or "a step holds code of several lines"
            (after if substeps else before).append(child.content)
        elif child.type == "table":
            flaw = flaw or "a step holds a table"
        else:
            (after if substeps else before).append(_inline(child))
    return join_parts([join_substeps(join_parts(before), substeps), *after]), flaw


def _inline(node: SyntaxTreeNode) -> str:
    """Text of a node with its labels and code, without markers; pictures are left out."""
    if node.type in {"text", "code_inline"}:
        return node.content
    if node.type in {"softbreak", "hardbreak"}:
        return " "
    if node.type in {"image", "html_inline", "html_block"}:
        return ""
    return "".join(_inline(child) for child in node.children)
