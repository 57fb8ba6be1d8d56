"""Doctor: what `steptune doctor` finds. It runs as a process of its own, for it imports what the screens never do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.machine.asked import ask
from toolkit.records import JSON
from toolkit.terminal.layout import fit, wrap
from toolkit.terminal.text import clean
from tui.logic.lines import Line, line
from tui.pages.page import Page
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView

TIMEOUT_S = 60


class DoctorScreen(Page):
    """The machine, the packages, and what each recipe can do here and why not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.go('runs')", "Back"),
        Binding("r", "look", "Look again"),
        Binding("y", "copy", "Copy"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.findings: JSON = {}
        self.problem = ""
        self.looking = False

    def body(self) -> Iterable[Widget]:
        yield Panel(id="doctor-head", classes="head")
        yield TextView([line(("  looking at the machine ...", "dim"))], id="doctor")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#doctor", TextView).focus()
        self.action_look()

    def action_look(self) -> None:
        if not self.looking:
            self.looking = True
            self.redraw()
            self.in_thread(ask_doctor, self._looked)

    def _looked(self, answer: tuple[JSON, str]) -> None:
        self.findings, self.problem = answer
        self.looking = False
        self.redraw()

    def redraw(self) -> None:
        if not self.is_whole:
            return
        self.show_head("#doctor-head", "Doctor", "looking ..." if self.looking else "")
        view = self.query_one("#doctor", TextView)
        width = max(30, (view.scrollable_content_region.width or self.size.width) - 2)
        if self.problem or self.findings:
            view.set_lines(
                [line((part, "bad")) for part in wrap(self.problem, width)]
                if self.problem
                else doctor_lines(self.findings, width)
            )

    def action_copy(self) -> None:
        self.steptune.copy_text(json.dumps(self.findings, indent=2), "The findings")


def ask_doctor() -> tuple[JSON, str]:
    """(findings, problem) of `steptune doctor --json`."""
    command = [sys.executable, "-P", "-m", "toolkit.cli", "doctor", "--json"]
    try:
        done = ask(command, timeout_s=TIMEOUT_S)
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return {}, f"`steptune doctor --json` did not answer: {clean(error)}"
    return (found, "") if isinstance(found, dict) else ({}, "`steptune doctor --json` gave no findings.")


def doctor_lines(findings: JSON, width: int) -> list[Line]:
    """The findings as lines; parts that are missing are left out."""
    machine = findings.get("machine") if isinstance(findings.get("machine"), dict) else {}
    lines: list[Line] = []

    def add(name: str, text: Any, style: str = "") -> None:
        first, *rest = wrap(clean(text), width - 13)
        lines.extend(
            [line((f" {fit(name, 11)} ", "dim"), (first, style)), *(line(" " * 13, (part, style)) for part in rest)]
        )

    if machine:
        gpus = machine.get("gpus") or []
        add("steptune", f"{findings.get('steptune')}, Python {machine.get('python')}, {machine.get('system')}")
        add("CPU", f"{machine.get('cpu_cores')} cores")
        add("memory", f"{machine.get('memory_free_gib')} of {machine.get('memory_gib')} GiB free")
        add("GPU", "; ".join(str(gpu.get("shown")) for gpu in gpus) or "none found (nvidia-smi)")
        add("disk", f"{machine.get('disk_free_gib')} GiB free at {machine.get('runs_folder')}")
        add("terminal", f"TERM={machine.get('terminal')}, encoding {machine.get('encoding')}")
    packages = findings.get("packages")
    if isinstance(packages, dict):
        add("packages", ", ".join(f"{name} {version}" for name, version in packages.items() if version))
        if missing := [name for name, version in packages.items() if not version]:
            add("missing", ", ".join(missing), "warn")
    for warning in findings.get("warnings") or []:
        add("note", warning, "warn")
    recipes = [row for row in findings.get("recipes") or [] if isinstance(row, dict)]
    if recipes:
        lines += [(), line((" Recipes on this machine", "title"))]
    for row in recipes:
        good = bool(row.get("ok"))
        lines.append(
            line(
                (f" {'✓' if good else '✗'} ", "good" if good else "bad"),
                fit(clean(row.get("recipe")), 12),
                fit(clean(row.get("preset")), 10),
                ("can run" if good else "cannot run", "good" if good else "bad"),
            )
        )
        for reason in row.get("reasons") or []:
            lines += [line("      ", (part, "dim")) for part in wrap(clean(reason), width - 8)]
    return lines
