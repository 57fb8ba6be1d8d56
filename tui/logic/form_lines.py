"""What the form says about itself: whether it can start, and what differs from the preset and from the last run."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.errors import Problem
from toolkit.run_folder.config_values import flatten, read_config
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.row import RunRow
from toolkit.settings import Settings
from toolkit.terminal.layout import cut
from toolkit.terminal.text import clean
from tui.logic.form import Form, values_of
from tui.logic.lines import Line, line
from tui.logic.values import difference, with_bundled


def status_lines(form: Form, problems: Sequence[Problem], width: int) -> list[Line]:
    """Two lines: what is to be corrected, or how to go on; and the same as a command."""
    elsewhere = [
        problem
        for problem in problems
        if not any(problem.key == key or problem.key.startswith(f"{key}.") for key in form.fields)
    ]
    if elsewhere:
        return [line((cut(f" {clean(problem)}", width), "bad")) for problem in elsewhere[:2]]
    command = line((cut(f" $ {clean(form.command_text())}", width), "dim"))
    if problems:
        count = "1 option has" if len(problems) == 1 else f"{len(problems)} options have"
        return [line((f" ✗ {count} to be corrected before this can start.", "bad")), command]
    return [line((" ✓ ready: ", "good"), ("p", "key"), " shows what would be started, and starts it"), command]


def difference_lines(form: Form, settings: Settings | None, last: RunRow | None, width: int) -> list[Line]:
    """What was changed, and what differs from the recipe's last run."""
    values = values_of(form, settings)
    lines: list[Line] = [line((f" changed from {clean(form.source)}", "title"))]
    lines += _change_lines(difference(form.base, values), width)
    if last is not None:
        lines += [(), line((cut(f" changed from the last run {last.id}", width), "title"))]
        before = with_bundled(read_config(RunFolder(last.path)).flat)
        lines += _change_lines(
            difference(before, {key: value for key, value in flatten(values).items() if key in before}), width
        )
    return lines


def _change_lines(changes: list[tuple[str, str, str]], width: int) -> list[Line]:
    if not changes:
        return [line(("  nothing", "dim"))]
    lines: list[Line] = []
    for key, before, after in changes:
        lines.append(line((cut(f"  {key}", width), "bold")))
        lines.append(line((cut(f"    - {before or 'none'}", width), "removed")))
        lines.append(line((cut(f"    + {after or 'none'}", width), "added")))
    return lines
