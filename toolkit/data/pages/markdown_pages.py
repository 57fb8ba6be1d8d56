"""Markdown manuals: headings and the ordered lists below them. Code fences, tables and bullet lists hold no how-tos."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from toolkit.data.pages.sections import Section, StepList, TitlesAbove, join_parts, join_substeps, tidy

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def read_markdown(text: str) -> list[Section]:
    """The titled sections of a page in document order."""
    text = text.replace("\r\n", "\n")
    if matter := FRONT_MATTER.match(text):
        text = "\n" * matter.group().count("\n") + text[matter.end() :]  # line numbers stay right
    root = SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(text))
    sections: list[Section] = []
    above = TitlesAbove()
    for node in root.children:
        if node.type == "heading":
            above.enter(int(node.tag[1:]), title := _inline(node))
            sections.append(Section(title, (node.map or (0, 0))[0] + 1, above=above.title))
        elif sections:
            _take(node, sections[-1])
    return sections


def _take(node: SyntaxTreeNode, section: Section) -> None:
    if node.type == "ordered_list":
        steps = _read_list(node)
        steps.caption = section.caption()
        section.add_list(steps, int(node.attrs.get("start", 1)))
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
    return StepList(steps, flaw=flaw)


def _read_item(item: SyntaxTreeNode) -> tuple[str, str]:
    """The step of a list item and its flaw: paragraphs before sub-steps, the sub-steps, paragraphs after them."""
    before: list[str] = []
    after: list[str] = []
    substeps: list[str] = []
    flaw = ""
    for child in item.children:
        if child.type in {"ordered_list", "bullet_list"}:
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
