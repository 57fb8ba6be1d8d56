"""What the command line says at the end of a run: the state and the table; of a pipeline the result in plain words, one
question with both answers, and after a trial with an embedded model what to do next.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from toolkit import catalog
from toolkit.embedded import is_embedded
from toolkit.errors import EXIT_FAILED, DataError
from toolkit.records import JSON
from toolkit.results.document import Results
from toolkit.results.plain_words import plain_words, typical_example
from toolkit.results.reading import find_results, read_results
from toolkit.results.table import results_table
from toolkit.run_folder.documents import Result
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.terminal.layout import side_by_side, wrap
from toolkit.terminal.numbers import headline_text
from toolkit.terminal.output import say, say_error, say_json

WIDEST = 120
NEXT = (
    ("", "look at the runs, every answer and the report in the screens"),
    ("run pipeline --preset demo data.sources=mine.jsonl", "the same with your own rows"),
    ("run pipeline --dry-run", "what Mistral-7B needs on a GPU, and whether it fits here"),
)


def report(run_folder: RunFolder, as_json: bool) -> int:
    """The run's last word for a person or, as one document, for a script; returns the exit code."""
    result, state = run_folder.result, run_folder.state()
    code = result.exit_code if result else 0 if state.is_live else EXIT_FAILED
    table = _evaluation(run_folder)
    if as_json:
        say_json(_document(run_folder, table) | {"state": state, "exit_code": code})
        return code
    if state not in (State.FINISHED, State.RUNNING, State.STARTING):
        say_error(f"steptune: {run_folder.id} {state}: {result.message if result else ''}")
        return code
    say(f"{run_folder.id} {state}" + (_cost(result) if result else f", in {run_folder.path}"))
    if table:
        say(f"\n{results_table(table)}\n")
        if catalog.find_recipe(run_folder.recipe).stages:
            _say_ending(run_folder, table)
    elif result and result.headline:
        say(headline_text(result.headline))
    if result and result.worth_a_look:
        say("\n".join(["Worth a look:", *(f"  - {line}" for line in result.worth_a_look)]))
    for name, path in run_folder.outputs().items():
        say(f"{name}: {path / 'report.html' if name == 'report' else path}")
    return code


def _document(run_folder: RunFolder, table: Results | None) -> JSON:
    """What `--json` prints, short of state and exit code."""
    document: JSON = {"id": run_folder.id, "recipe": run_folder.recipe, "run_dir": str(run_folder.path)}
    recorded = run_folder.result.to_json() if run_folder.result else {}
    shown = ("message", "signal", "seconds", "peak_memory_gib", "headline", "worth_a_look", "outputs")
    document |= {key: recorded[key] for key in shown if recorded.get(key)}
    if table:
        written = table.to_json()
        document["results"] = {"systems": written["systems"], "comparisons": written["comparisons"]}
    return document


def _cost(result: Result) -> str:
    return f" in {result.seconds or 0:.0f} s, {result.peak_memory_gib or 0:.1f} GiB at most"


def _evaluation(run_folder: RunFolder) -> Results | None:
    """The results of a run that evaluated; None for others, and with a sentence for results that cannot be read."""
    path = find_results(run_folder)
    try:
        return read_results(path) if path else None
    except DataError as error:
        say_error(f"steptune: {error}")
        return None


def _say_ending(run_folder: RunFolder, results: Results) -> None:
    """Print it, no wider than the terminal."""
    width = min(WIDEST, shutil.get_terminal_size().columns)
    for sentence in (results.verdict.plain, results.verdict.numbers, *plain_words(results)):
        say("\n".join(wrap(sentence, width)))
    if example := typical_example(results):
        say("\n" + "\n".join(wrap(f"A typical question: {example.prompt}", width)))
        say("\n".join(side_by_side(example.answers, width)) + "\n")
    if is_embedded(run_folder.info.model or ""):
        say("Next:")
        for arguments, purpose in NEXT:
            say(f"  {f'{_program()} {arguments}'.strip()}\n      {purpose}")
        say()


def _program() -> str:
    """`steptune` as it can be typed here: with its path where the environment is not activated."""
    if shutil.which("steptune"):
        return "steptune"
    path = Path(sys.executable).with_name("steptune")
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
