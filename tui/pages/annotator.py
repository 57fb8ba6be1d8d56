"""Who decides on the rows of a data set, asked before they are opened: each person has a journal of their own."""

from __future__ import annotations

import getpass
from pathlib import Path

from toolkit.errors import UsageError
from toolkit.review.curation import annotators
from toolkit.review.journal import check_name
from toolkit.terminal.numbers import counted
from toolkit.terminal.text import clean
from tui.destinations import ToCuration
from tui.pages.dialogs import Ask, Choose
from tui.pages.page import Page

SOMEBODY_ELSE = "somebody else"


def curate(page: Page, dataset: Path) -> None:
    """Ask who decides, then show the rows."""
    if page.steptune.refuse_in_read_only(ToCuration.changes):
        return
    known = annotators(dataset)
    me = getpass.getuser()
    people = {me: known.get(me, 0), **known}

    def chosen(name: str | None) -> None:
        if name == SOMEBODY_ELSE:
            page.app.push_screen(Ask("Who decides?", hint="A name; each person has a journal of their own."), chosen)
        elif name is not None:
            _open(page, dataset, name.strip())

    choices = [(clean(name), f"{counted(count, 'row')} decided") for name, count in people.items()]
    page.app.push_screen(Choose("Who decides?", [*choices, (SOMEBODY_ELSE, "")], me), chosen)


def _open(page: Page, dataset: Path, name: str) -> None:
    try:
        page.steptune.open(ToCuration(dataset, check_name(name)))
    except UsageError as error:
        page.notify(clean(error), severity="error", markup=False)
