"""The entries of an option (sources, predictions): a list to add to and remove from, and a page to fill one in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.terminal.layout import cut, cut_start, fit
from tui.logic.entries import Entries, EntryForm
from tui.logic.form import Form
from tui.logic.lines import Line, line
from tui.pages.dialogs import Choose, Confirm
from tui.pages.fields import BACK, CYCLE, UNDO, FieldsPage
from tui.pages.page import Page
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel


class EntriesScreen(Page):
    """The form takes every change at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        BACK,
        Binding("a", "add", "Add"),
        Binding("D", "remove", "Remove"),
    ]

    def __init__(self, form: Form, key: str) -> None:
        super().__init__()
        self.form, self.key = form, key
        self.entries = Entries(form, key)

    def body(self) -> Iterable[Widget]:
        yield Panel(id="entries-head", classes="head")
        yield ItemList(self._draw, id="entries")
        yield Panel(id="form-status")

    def on_mount(self) -> None:
        super().on_mount()
        self.list.focus()
        self.list.empty = [(), line(("  none yet; ", "dim"), ("a", "key"), (" adds one", "dim"))]

    @property
    def list(self) -> ItemList:
        return self.query_one("#entries", ItemList)

    def redraw(self) -> None:
        if not self.is_whole:
            return
        field = self.form.fields[self.key]
        self.show_head("#entries-head", field.name, cut(field.help, self.size.width - len(field.name) - 4))
        _, problems = self.form.check()
        self.problems = [
            next(iter(self.entries.problems(index, problems).items()), ("", ""))
            for index in range(len(self.entries.items))
        ]
        self.list.set_count(len(self.entries.items))
        own = [problem.message for problem in problems if problem.key == self.key]
        wrong = sum(bool(text) for _, text in self.problems)
        text = own[0] if own else f"{wrong} to be corrected" if wrong else ""
        status = (
            line((f" ✗ {text}", "bad")) if text else line((" ✓ ", "good"), ("esc", "key"), " goes back to the form")
        )
        self.query_one("#form-status", Panel).show([status])

    def _draw(self, index: int, width: int) -> Line:
        what, where = self.entries.summary(index)
        name, problem = self.problems[index]
        text = (
            cut(f"✗ {name}: {problem}" if name else f"✗ {problem}", width - 24)
            if problem
            else cut_start(where, width - 24)
        )
        rest = "" if problem else cut(f"  {self.entries.details(index)}", max(0, width - 24 - len(text)))
        return line(
            (f" {index + 1:>3}  ", "dim"),
            (fit(cut(what, 17), 18), "bold"),
            (text, "bad" if problem else ""),
            (rest, "dim"),
        )

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        if self.entries.kind_of(self.entries.items[message.index]) is None:
            self.notify(
                "This entry is of no known type; D removes it, and ctrl+e in the form edits its text.",
                severity="warning",
            )
            return
        self.app.push_screen(EntryScreen(self.form, EntryForm(self.entries, message.index)))

    def action_add(self) -> None:
        kinds = self.entries.shape.kinds

        def chosen(tag: str | None) -> None:
            if tag is not None:
                index = self.entries.add(tag)
                self.redraw()
                self.list.move_to(index)
                self.app.push_screen(EntryScreen(self.form, EntryForm(self.entries, index)))

        if len(kinds) == 1:
            chosen(kinds[0].tag)
        else:
            self.app.push_screen(Choose("Add", [(kind.tag, kind.help) for kind in kinds]), chosen)

    def action_remove(self) -> None:
        if not self.entries.items:
            return
        index = self.list.cursor

        def answered(yes: bool | None) -> None:
            if yes:
                self.entries.remove(index)
                self.redraw()

        self.app.push_screen(Confirm("Remove this entry?", "  ".join(self.entries.summary(index))), answered)

    def action_back(self) -> None:
        if own := self.entries.own_problems():
            self.notify(f"Entry {min(own) + 1}: {own[min(own)]}.", severity="error", markup=False)
            return
        super().action_back()


class EntryScreen(FieldsPage):
    """One entry, with the fields of its type."""

    BINDINGS: ClassVar[list[BindingType]] = [BACK, CYCLE, UNDO]

    def __init__(self, form: Form, entry: EntryForm) -> None:
        super().__init__(entry)
        self.form, self.entry = form, entry

    def full_name(self, key: str) -> str:
        return f"{self.entry.entries.key}.{key}"

    def find_problems(self) -> dict[str, str]:
        return self.entry.entries.problems(self.entry.index, self.form.check()[1])

    def redraw(self) -> None:
        if not self.is_whole:
            return
        entries = self.entry.entries
        self.show_head(
            "#form-head",
            entries.form.fields[entries.key].name,
            f"entry {self.entry.index + 1} of {len(entries.items)}: {self.entry.kind.help}",
        )
        elsewhere = self.view.problems.get("", "")
        wrong = len(self.view.problems)
        status = (
            line((f" ✗ {elsewhere or f'{wrong} to be corrected'}", "bad"))
            if wrong
            else line((" ✓ ", "good"), ("esc", "key"), " goes back to the list")
        )
        self.query_one("#form-status", Panel).show([status])
