"""`steptune ask` without a model: what it shows, keeps and refuses, and that nothing of it stays behind."""

from __future__ import annotations

import errno
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import wait_for
from tests.tui.hostile import forbidden_output
from tests.tui.sample_runs import make_run
from tests.unit.runs import fake_model
from toolkit import cli
from toolkit.records import read_growing_jsonl, write_json, write_jsonl
from toolkit.review.curation import Curation
from toolkit.run_folder.folder import RunFolder
from toolkit.runs import asking
from toolkit.runs.ask_messages import Question, Reply, Written
from toolkit.runs.asking import AskError, AskSession
from toolkit.runs.run_model import model_of


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "COMMAND", fake_model.COMMAND)


@pytest.fixture
def trained(runs: Path) -> RunFolder:
    """A finished training with its adapter, and the data set that it learned from."""
    dataset = runs.parent / "dataset"
    rows = [{"id": "a", "prompt": "How?", "output": "1. So."}]
    for split in ("train", "validation", "test"):
        write_jsonl(dataset / f"{split}.jsonl", rows if split == "train" else [])
    run = RunFolder(make_run(runs, "20261118-100000-sft-aaaa", config={"model": "org/base", "data": str(dataset)}))
    adapter = run.path / "adapter"
    write_json(adapter / "training.json", {"base_model": "org/base", "revision": "abc"})
    write_json(run.result_file, {"state": "finished", "exit_code": 0, "outputs": {"adapter": {"path": "adapter"}}})
    return run


def ask(*arguments: str, typed: str | None = None, monkeypatch: pytest.MonkeyPatch | None = None) -> int:
    if typed is not None and monkeypatch is not None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    return cli.main(["ask", *arguments])


def test_both_systems_answer_and_the_exchange_is_kept(trained: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(trained.id, "--max-new-tokens", "4", "How do I reset it?") == 0
    said = capsys.readouterr()
    assert "baseline 0: How do I reset it?" in " ".join(said.out.split())
    assert "tuned 0: How do I reset it?" in " ".join(said.out.split())
    assert "cut at the longest answer" in " ".join(said.out.split())
    assert "the weights are loaded" in said.err
    (kept,) = read_growing_jsonl(trained.exchanges_file)
    assert kept["prompt"] == "How do I reset it?"
    assert [answer["system"] for answer in kept["answers"]] == ["baseline", "tuned"]
    assert (kept["model"], kept["adapter"]) == ("org/base", str(trained.path / "adapter"))
    assert kept["sampling"]["max_new_tokens"] == 4


def test_one_system_and_several_drawn_answers(trained: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(trained.id, "--system", "tuned", "--n", "2", "--temperature", "0.7", "--json", "Why?") == 0
    document = json.loads(capsys.readouterr().out)
    assert [(one["system"], one["sample"], one["output"]) for one in document["answers"]] == [
        ("tuned", 0, "tuned 0: Why?"),
        ("tuned", 1, "tuned 1: Why?"),
    ]


def test_lines_of_standard_input_are_questions_to_one_model(
    trained: RunFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = "One?\n\nTwo?\n/fail wrong step\n/curate\n/what\n"
    assert ask(trained.id, "--json", typed=typed, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr()
    assert [json.loads(line)["prompt"] for line in said.out.splitlines()] == ["One?", "Two?"]
    assert said.err.count("the weights are loaded") == 1
    (failure,) = read_growing_jsonl(trained.failures_file)
    assert (failure["prompt"], failure["output"], failure["note"]) == ("Two?", "tuned 0: Two?", "wrong step")
    curation = Curation(trained.path.parent.parent / "dataset", "ann")
    try:
        first = curation.queue()[0]
        assert (first.prompt, first.output) == ("Two?", "tuned 0: Two?")
        assert first.why == ("tuned answered it in `steptune ask` (stop)",)
        curation.decide(first, "accept")
        assert {item.prompt for item in curation.queue()} == {"How?"}
    finally:
        curation.close()


def test_controls_in_answers_never_reach_the_terminal(
    trained: RunFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.core.test_terminal_output import Terminal

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert ask(trained.id, "controls") == 0
    drawn = terminal.getvalue().replace("\x1b[J", "")
    for height in range(1, 400):
        drawn = drawn.replace(f"\x1b[{height}A\r", "")
    assert drawn.count("tuned") >= 1
    assert forbidden_output(drawn.encode(), fake_model.CONTROLS) == 0
    monkeypatch.undo()
    assert all(json.loads(line) for line in trained.exchanges_file.read_bytes().splitlines())


@pytest.mark.parametrize(
    ("given", "code", "complaint"),
    [
        (["--n", "2", "Why?"], 2, "n is 2 with temperature 0"),
        (["--temperature", "-1", "Why?"], 2, "temperature: found -1, must be 0 or more"),
        (["--server", "localhost:8000", "Why?"], 2, "at.server: must be an address that begins with"),
        (["--server", "http://localhost:1", "--system", "tuned", "Why?"], 2, "--system chooses between"),
        (["  "], 2, "The question is empty"),
        (["long"], 2, "The question has 3 tokens as a prompt, which fills the model's context"),
        (["refuse"], 1, "the server refused it"),
        (["die"], 1, "has ended (exit code 7).\nthe last words"),
    ],
)
def test_what_is_refused(
    trained: RunFolder, given: list[str], code: int, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(trained.id, *given) == code
    assert complaint in capsys.readouterr().err


def test_a_run_without_adapter_or_model(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(runs, "20261118-100000-generate-aaaa", recipe="generate", config={"model": "org/base"})
    assert ask(run.name, "--system", "both", "Why?") == 2
    assert "has no adapter, so that there is no tuned system to ask" in capsys.readouterr().err
    assert ask(run.name, "Why?") == 0  # its model alone
    (run / "config.yaml").write_text("seed: 1\n")
    assert ask(run.name, "Why?") == 2
    assert "has no model that could answer" in capsys.readouterr().err


def test_what_is_gone_is_named(trained: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    gone = trained.path.parent.parent / "base"
    write_json(trained.path / "adapter" / "training.json", {"base_model": str(gone)})
    assert ask(trained.id, "Why?") == 2
    assert f"was the folder {gone}, which is not there any more" in capsys.readouterr().err
    trained.result_file.unlink()
    trained.config_file.write_text(f"model: org/base\nadapter: {gone}\n")
    assert ask(trained.id, "Why?") == 2
    assert f"answered with the adapter {gone}, which is not there any more" in capsys.readouterr().err


def test_a_full_disk_is_said_after_the_answer(
    trained: RunFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("toolkit.runs.exchanges.append_jsonl", full)
    assert ask(trained.id, "Why?") == 1
    said = capsys.readouterr()
    assert "tuned 0: Why?" in " ".join(said.out.split())
    assert "could not be kept: no space left" in said.err
    assert not trained.exchanges_file.exists()


def test_an_answer_that_is_stopped_ends_with_what_is_written(trained: RunFolder) -> None:
    options = model_of(trained)
    with AskSession(options) as session:
        list(session.load())
        session.ask(Question("q", "slow", ("tuned",), options))
        answers = session.answers()
        assert isinstance(next(answers), Written)
        session.stop_answer()
        assert [(part.finish_reason, part.output) for part in answers if isinstance(part, Reply)] == [
            ("stopped", "tune")
        ]
        session.ask(Question("q2", "Next?", ("tuned",), options))
        assert [part.output for part in session.answers() if isinstance(part, Reply)] == ["tuned 0: Next?"]
    assert not session.is_alive


def test_a_model_that_cannot_be_loaded_says_so_to_whatever_is_asked(trained: RunFolder) -> None:
    with AskSession(model_of(trained).model_copy(update={"model": "broken"})) as session:
        for _ in range(2):
            with pytest.raises(AskError, match="broken cannot be used") as caught:
                list(session.load())
            assert (caught.value.exit_code, caught.value.fatal) == (2, True)


def test_killed_in_an_answer_it_leaves_no_process_and_no_half_line(trained: RunFolder) -> None:
    program = (
        f"import sys; from toolkit.runs import asking; asking.COMMAND = {fake_model.COMMAND!r};"
        " from toolkit import cli; sys.exit(cli.main(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "ask", str(trained.path), "slow"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any("ready after" in line for line in iter(process.stderr.readline, ""))
    (model,) = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    wait_for(lambda: not model.is_running() or model.status() == psutil.STATUS_ZOMBIE, 10)
    assert not trained.exchanges_file.exists()
