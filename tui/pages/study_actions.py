"""What the screens do with blind studies: make one, lock its ratings, open its key and show the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from toolkit.dataset_folder.names import split_file
from toolkit.errors import DataError, SteptuneError, UsageError
from toolkit.review.study.folder import StudyFolder
from toolkit.terminal.layout import wrap
from toolkit.terminal.text import clean, clean_text
from tui.logic.lines import line
from tui.logic.path_choices import path_choices
from tui.pages.dialogs import Ask, Confirm, Reading
from tui.pages.page import Page
from tui.pages.pick import Pick

ENOUGH = "no further system"


def new(page: Page) -> None:
    """Ask for data, answers, raters and name, one after the other; then draw and seal the study."""
    if page.steptune.refuse_in_read_only("making a study"):
        return
    rows = page.steptune.snapshot.rows
    systems: dict[str, Path] = {}

    def with_data(data: str | None) -> None:
        if data:
            ask_for_answers(Path(data))

    def ask_for_answers(data: Path) -> None:
        name = "tuned" if not systems else "baseline"

        def with_answers(path: str | None) -> None:
            if path is None:
                return
            if path != ENOUGH:
                systems[name] = Path(path)
            if path == ENOUGH or len(systems) == 2:
                page.app.push_screen(Ask("Who rates?", "", "Names, with commas between."), with_raters)
            else:
                ask_for_answers(data)

        found = path_choices("predictions.path", rows)
        choices = [(ENOUGH, ""), *found] if systems else found
        page.app.push_screen(Pick(f"Answers of the system {name}", choices, free="a file of your own"), with_answers)

        def with_raters(names: str | None) -> None:
            raters = [rater.strip() for rater in (names or "").split(",") if rater.strip()]
            if raters:
                default = str(page.steptune.root.absolute().parent / "study")
                ask = Ask("Folder of the study", default, "New; its key is put next to it, as FOLDER.key.")
                page.app.push_screen(ask, lambda folder: _create(page, data, systems, raters, folder))

    page.app.push_screen(
        Pick("Data set with the questions and the human answers", path_choices("data", rows), free="a path"), with_data
    )


def _create(
    page: Page, data: Path, systems: dict[str, Path], raters: list[str], folder: str | None, acknowledged: bool = False
) -> None:
    if not folder:
        return

    def work() -> str:
        from toolkit.review.study.create import create_study
        from toolkit.review.study.inputs import read_inputs
        from toolkit.review.study.plan import read_plan

        inputs = read_inputs(data / split_file("test") if data.is_dir() else data, systems)
        study = StudyFolder(Path(folder).expanduser())
        created = create_study(
            study.path, inputs, raters, read_plan(None), study.default_key_file, leaks_acknowledged=acknowledged
        )
        return f"{study.path}: {created.sample.items} questions. Keep the key from the raters: {created.key_file}"

    def again(yes: bool | None) -> None:
        if yes:
            _create(page, data, systems, raters, folder, acknowledged=True)

    def refused(error: SteptuneError) -> bool:
        if isinstance(error, DataError) and "acknowledge" in str(error) and not acknowledged:
            page.app.push_screen(Confirm("Make it although answers may tell who wrote them?", clean(error)), again)
            return True
        return False

    _in_thread(page, work, refused)


def lock(page: Page, folder: StudyFolder, incomplete: bool = False) -> None:
    """Fix the ratings as they are."""
    if page.steptune.refuse_in_read_only("locking"):
        return

    def work() -> str:
        from toolkit.review.study.closing import lock as lock_ratings

        lock_ratings(folder, incomplete)
        return f"Locked: {folder.lock_hash()} Hand this hash out now; `steptune study verify` takes it."

    def again(yes: bool | None) -> None:
        if yes:
            lock(page, folder, incomplete=True)

    def refused(error: SteptuneError) -> bool:
        if isinstance(error, UsageError) and "--incomplete" in str(error):
            page.app.push_screen(Confirm("Lock although not everybody is done?", clean(error)), again)
            return True
        return False

    def answered(yes: bool | None) -> None:
        if yes:
            _in_thread(page, work, refused)

    if incomplete:
        _in_thread(page, work, refused)
    else:
        detail = "Nothing can be rated or changed from then on. The key can be opened after it."
        page.app.push_screen(Confirm(f"Lock {folder.path.name}?", detail), answered)


def report(page: Page, folder: StudyFolder) -> None:
    """Show the report; the key is opened first, after asking."""
    text_file = folder.report_file.with_suffix(".md")

    def show(_said: str = "") -> None:
        width = min(104, page.size.width - 12)
        text = clean_text(text_file.read_text(encoding="utf-8", errors="replace"))
        lines = [line(part) for part in wrap(text, width)]
        page.app.push_screen(Reading(f"Report of {clean(folder.path.name)}", lines))

    def work() -> str:
        from toolkit.review.study.closing import unblind
        from toolkit.review.study.reporting import write_report

        if not folder.unblinded_file.exists():
            unblind(folder, folder.default_key_file)
        write_report(folder)
        return ""

    def answered(yes: bool | None) -> None:
        if yes:
            _in_thread(page, work, lambda _error: False, show)

    if text_file.exists():
        show()
    elif not folder.lock_file.exists():
        page.notify("The ratings are not locked yet: K locks them, then the report can be made.", severity="warning")
    elif folder.unblinded_file.exists():
        answered(not page.steptune.refuse_in_read_only("writing a report"))
    elif not page.steptune.refuse_in_read_only("opening the key"):
        detail = "Then it is known which system each answer came from, and the report is written."
        page.app.push_screen(Confirm(f"Open the key of {folder.path.name}?", detail), answered)


def _in_thread(
    page: Page,
    work: Callable[[], str],
    refused: Callable[[SteptuneError], bool],
    done: Callable[[str], None] | None = None,
) -> None:
    """Do it in the background; `refused` may ask instead of the message."""

    def run() -> tuple[str, SteptuneError | OSError | None]:
        try:
            return work(), None
        except (SteptuneError, OSError) as error:
            return "", error

    def ended(found: tuple[str, SteptuneError | OSError | None]) -> None:
        said, error = found
        if error is None:
            if said:
                page.notify(said, markup=False, timeout=15)
            if done is not None:
                done(said)
            page.redraw()
        elif not (isinstance(error, SteptuneError) and refused(error)):
            page.notify(clean(error), severity="error", markup=False, timeout=12)

    page.in_thread(run, ended)
