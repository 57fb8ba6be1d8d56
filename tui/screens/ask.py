"""Ask: questions to a run's model, its base and the tuned one side by side, the answers as they are written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.errors import SteptuneError
from toolkit.options.asking import AskOptions
from toolkit.options.generation import SamplingOptions
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.ask_messages import Loading, Question, Ready, Reply, Written
from toolkit.runs.asking import AskError, AskSession, new_id
from toolkit.runs.exchanges import Exchange, keep_exchange, note_failure
from toolkit.terminal.layout import cut, wrap
from toolkit.terminal.numbers import amount
from toolkit.terminal.text import clean
from tui.logic.asked_lines import Shown, conversation_lines
from tui.logic.lines import line
from tui.pages.prompt import PromptPage
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView

Told = TypeVar("Told")
TEMPERATURES = (0.0, 0.7, 1.0)


class AskScreen(PromptPage):
    """A model that stays loaded while the screen is open. Each exchange is kept in the run's folder."""

    MAIN_VIEW = "#asked"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("a", "ask", "Ask"),
        Binding("v", "view", "Systems"),
        Binding("c", "stop", "Stop"),
        Binding("e", "curate", "To curation"),
        Binding("x", "reject", "Failure"),
        Binding("T", "temperature", "Temperature"),
    ]

    def __init__(self, run: RunFolder, options: AskOptions, question: str = "") -> None:
        super().__init__()
        self.run_asked, self.options, self.waiting = run, options, question
        self.session: AskSession | None = None
        self.shown: list[Shown] = []
        self.state = "starting ..."
        self.problem = ""
        self.ready = self.busy = False
        self.chosen = len(self.choices) - 1
        self.temperature = options.temperature

    def body(self) -> Iterable[Widget]:
        yield Panel(id="ask-head", classes="head")
        yield Panel(id="ask-state", classes="head")
        yield TextView(id="asked")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#asked", TextView).focus()
        self.session = AskSession(self.options)
        self.run_worker(self._load, thread=True, exit_on_error=False)

    def on_unmount(self) -> None:
        if self.session is not None:
            threading.Thread(target=self.session.close).start()  # it may take a moment to end

    @property
    def choices(self) -> list[tuple[str, ...]]:
        """The systems that can be asked together; all of them last."""
        systems = self.options.systems
        return [*((system,) for system in systems), systems] if len(systems) > 1 else [systems]

    # In threads ------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        assert self.session is not None
        try:
            for message in self.session.load():
                self._tell(self._loading, message)
        except AskError as error:
            self._tell(self._failed, error)

    def _answer(self, shown: Shown) -> None:
        assert self.session is not None
        try:
            self.session.ask(shown.exchange.question)
            for part in self.session.answers():
                self._tell(partial(self._written, shown), part)
            keep_exchange(self.run_asked, shown.exchange, self.options)
        except (SteptuneError, OSError) as error:
            self._tell(self._failed, error)
        self._tell(self._answered, shown)

    def _tell(self, take: Callable[[Told], None], told: Told) -> None:
        """Hand it to the screen's own thread, unless the screen is gone."""
        if self.app.is_running and self.is_attached:
            self.app.call_from_thread(lambda: take(told) if self.is_whole else None)

    # What came -------------------------------------------------------------------------------------------------

    def _loading(self, message: Loading | Ready) -> None:
        if isinstance(message, Ready):
            self.ready, self.state = True, message.said
            if self.waiting:
                self.waiting, question = "", self.waiting
                self._put(question)
            elif not self.shown:
                self.call_later(self.action_ask)
        else:
            size = amount(message.what, message.done, message.total) if message.total else ""
            self.state = f"{message.what} {size} ...".replace("  ", " ")
        self.redraw()

    def _failed(self, error: SteptuneError | OSError) -> None:
        if isinstance(error, AskError) and error.fatal:
            self.problem, self.ready = str(error), False
        else:
            self.notify(clean(error), severity="error", markup=False, timeout=12)
        self.redraw()

    def _written(self, shown: Shown, part: Written | Reply) -> None:
        shown.take(part)
        self.redraw()

    def _answered(self, shown: Shown) -> None:
        self.busy = False
        self.redraw()

    def redraw(self) -> None:
        if not self.is_whole:
            return
        view = self.query_one("#asked", TextView)
        width = max(40, (view.scrollable_content_region.width or self.size.width) - 2)
        systems = " and ".join(self.choices[self.chosen])
        drawn = "greedy" if self.temperature == 0 else f"temperature {self.temperature:g}"
        self.show_head("#ask-head", f"Ask {cut(self.run_asked.id, width - 40)}", f"{systems}, {drawn}")
        doing = f"{self.state}; writing ..." if self.busy else self.state
        self.query_one("#ask-state", Panel).show([line((cut(f" {clean(doing)}", width), "dim"))])
        problem = [line((part, "bad")) for part in wrap(clean(self.problem), width)]
        nothing = [] if self.shown or problem else [line(("  a asks a question.", "dim"))]
        lines = [*problem, *nothing, *conversation_lines(self.shown, width)]
        view.set_lines([line(" ", *spans) for spans in lines])

    # Actions ---------------------------------------------------------------------------------------------------

    async def action_ask(self) -> None:
        if self.busy:
            self.notify("An answer is being written; c cuts it short.", severity="warning")
        elif not self.problem:
            await self.open_prompt(placeholder="your question" if self.ready else "your question; asked once it is up")

    def prompt_entered(self, text: str) -> None:
        if not text.strip():
            return
        if self.ready:
            self._put(text)
        else:
            self.waiting = text

    def _put(self, text: str) -> None:
        sampling = self.options.with_options(SamplingOptions(temperature=self.temperature, n=1))
        question = Question(new_id(), text, self.choices[self.chosen], sampling)
        shown = Shown(Exchange(question))
        self.shown.append(shown)
        self.busy = True
        self.query_one("#asked", TextView).action_start()
        self.redraw()
        self.run_worker(lambda: self._answer(shown), thread=True, exit_on_error=False)

    def action_view(self) -> None:
        """Other systems are asked."""
        self.chosen = (self.chosen + 1) % len(self.choices)
        self.redraw()

    def action_temperature(self) -> None:
        """The next higher of a few; after the highest greedy again."""
        self.temperature = next((value for value in TEMPERATURES if value > self.temperature), TEMPERATURES[0])
        self.redraw()

    def action_stop(self) -> None:
        if self.busy and self.session is not None:
            self.session.stop_answer()

    def action_curate(self) -> None:
        """Send the newest pair (of two systems the tuned one's) to the curation queue of the run's data set."""
        from toolkit.runs.answered import send_to_curation

        def send(shown: Shown, reply: Reply) -> str:
            return f"sent to the curation queue of {send_to_curation(self.run_asked, shown.exchange, reply)}"

        self._do(send)

    def action_reject(self) -> None:
        """Write the newest answer (of two systems the tuned one's) down as a failure."""

        def write(shown: Shown, reply: Reply) -> str:
            note_failure(self.run_asked, shown.exchange, reply)
            return f"written down in {self.run_asked.failures_file}"

        self._do(write)

    def _do(self, work: Callable[[Shown, Reply], str]) -> None:
        if self.busy or not self.shown or not self.shown[-1].exchange.replies:
            self.notify("There is no whole answer yet.", severity="warning")
            return
        shown = self.shown[-1]
        reply = shown.exchange.replies[-1]
        try:
            shown.note = f"{reply.system}: {work(shown, reply)}"
        except (SteptuneError, OSError) as error:
            self.notify(clean(error), severity="error", markup=False, timeout=12)
        self.redraw()
