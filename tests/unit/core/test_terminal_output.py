"""What a command prints: nothing of a run folder, a data set or a study reaches the terminal as a control."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import pytest

import toolkit
from tests.tui.hostile import HOSTILE, forbidden_output, make_hostile
from toolkit import cli
from toolkit.records import append_jsonl, write_json, write_jsonl
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.follow import Follower
from toolkit.terminal.live_line import LiveLine
from toolkit.terminal.output import ask, say, say_error, say_json

CONTROLS = "".join(HOSTILE).encode("utf-8", "replace").decode()  # files hold no half surrogate pairs
COMMANDS = (
    ["runs"],
    ["show", "RUN"],
    ["logs", "RUN"],
    ["note", "RUN"],
    ["compare", "RUN", "OTHER"],
    ["doctor"],
    ["tag", "RUN"],
    ["runs", "id~2026", "--columns", "model,x"],
    ["rm", "RUN"],
    ["trash"],
    ["trash", "--empty", "--yes"],
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def hostile_run(runs: Path) -> Path:
    make_hostile(runs, CONTROLS)
    run = min(runs.iterdir())
    append_jsonl(run / "notes.jsonl", {"time": 1.0, "text": CONTROLS})
    result = json.loads((run / "result.json").read_text())
    write_json(run / "result.json", {**result, "outputs": {CONTROLS: {"path": CONTROLS.replace("\0", "")}}})
    stage = run / "stages" / "sft\x1b[2J"
    stage.mkdir(parents=True)
    write_json(stage / "run.json", {"id": CONTROLS, "recipe": CONTROLS})
    write_json(stage / "result.json", {"state": CONTROLS, "message": CONTROLS, "headline": {CONTROLS: 1.0}})
    (stage / "log.txt").write_text(CONTROLS)
    return run


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_print_files_of_a_run_clean(
    command: list[str], hostile_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"RUN": str(hostile_run), "OTHER": str(max(hostile_run.parent.iterdir()))}
    assert cli.main([places.get(word, word) for word in command]) == 0
    assert_clean(capsys)


@pytest.mark.parametrize("command", [["runs"], ["show", "RUN"], ["compare", "RUN", "OTHER"]], ids=lambda it: it[0])
def test_json_says_the_same_without_controls(
    command: list[str], hostile_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"RUN": str(hostile_run), "OTHER": str(max(hostile_run.parent.iterdir()))}
    assert cli.main([*(places.get(word, word) for word in command), "--json"]) == 0
    printed = capsys.readouterr().out
    assert controls_in(printed, CONTROLS) == 0
    document = json.loads(printed)
    summary = {"runs": lambda: document[-1], "show": lambda: document, "compare": lambda: document["runs"][0]}
    assert summary[command[0]]()["id"].endswith(CONTROLS)


def test_messages_that_quote_a_file_are_clean(
    hostile_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "own.yaml"
    config.write_text(f"model: {json.dumps(CONTROLS)}\nlearning_rate: {json.dumps(CONTROLS)}\n")
    assert cli.main(["run", "sft", "-c", str(config)]) == 2
    assert_clean(capsys)
    assert cli.main(["resume", "no\x1b]0;HOSTILE\x07such"]) == 2
    assert_clean(capsys)


def test_a_dry_run_shows_config_and_preflight_clean(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "own.yaml"
    config.write_text(f"model: {json.dumps('m' + HOSTILE[0] + HOSTILE[12])}\ndata: nowhere\n")
    cli.main(["run", "sft", "-c", str(config), "--dry-run"])
    assert_clean(capsys)


def test_a_follower_shows_events_and_progress_clean(hostile_run: Path) -> None:
    run = RunFolder(hostile_run)
    for event in ({"event": "stage_started"}, {"event": "stage_ended", "state": CONTROLS, "headline": {CONTROLS: 1.0}}):
        append_jsonl(hostile_run / "events.jsonl", {**event, "stage": CONTROLS})
    append_jsonl(
        hostile_run / "metrics.jsonl", {"phase": CONTROLS, "stage": CONTROLS, "done": 1, "total": 2, "loss": 1.0}
    )
    for out in (io.StringIO(), Terminal()):
        Follower(run, out).follow(lambda: False)
        printed = out.getvalue().replace("\r\x1b[2K", "")
        assert "HOSTILE" in printed
        assert controls_in(printed, CONTROLS + "\x1b[2J") == 0
        assert "\x1b" not in printed


def test_curation_line_by_line_shows_rows_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("train", "validation", "test"):
        rows = [
            {
                "id": f"{split}{CONTROLS}",
                "prompt": CONTROLS,
                "output": f"1. {CONTROLS}\n2. Save.",
                "meta": {"source": CONTROLS},
            }
        ]
        write_jsonl(tmp_path / f"{split}.jsonl", rows)
    asked: list[str] = []
    answers = iter(["f " + CONTROLS.replace("\n", " "), "u", "x", "other", "e", "", "", "q"])
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or next(answers, "q"))
    assert cli.main(["curate", str(tmp_path), "--plain", "--annotator", "a"]) == 0
    assert_clean(capsys)
    assert controls_in("".join(asked), CONTROLS) == 0
    assert "\x1b" not in "".join(asked)


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_printed_is_clean(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "")
    say(text)
    say_error(text)
    say_json({text: [text]}, indent=None)
    ask(text)
    live = LiveLine(Terminal())
    live.say(text)
    live.show(text)
    printed = capsys.readouterr()
    for shown in (printed.out, printed.err, asked[0], live.out.getvalue().replace("\r\x1b[2K", "")):  # type: ignore[attr-defined]
        assert controls_in(shown, text) == 0
        assert "\x1b" not in shown
    assert json.loads(printed.out.splitlines()[-1]) == {text: [text]}


@pytest.mark.parametrize("room", ["cli.py", "commands", "runs", "planning", "review", "machine", "generation"])
def test_there_is_one_way_to_print(room: str) -> None:
    place = Path(toolkit.__file__).parent / room
    for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("print", "input", "sys.stdout.write", "sys.stderr.write"), (
                    f"{file}:{node.lineno} calls {called}; toolkit.terminal.output prints clean text"
                )


def controls_in(printed: str, text: str) -> int:
    """As forbidden_output; a tab stays where a command prints it."""
    return forbidden_output(printed.replace("\t", " ").encode(), text)


def assert_clean(capsys: pytest.CaptureFixture[str]) -> None:
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert controls_in(text, CONTROLS + "\x1b[2J") == 0
        assert "\x1b" not in text
