"""The command line as a user or a script meets it: real runs of data-build, exit codes, one sentence a mistake."""

from __future__ import annotations

import json
import os
import pty
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import wait_for

pytestmark = pytest.mark.slow
STEPTUNE = str(Path(sys.executable).with_name("steptune"))
ROWS = [
    (
        "How do I reset my router?",
        (
            "1. Hold the reset button for ten seconds.\n2. Wait until the light is green.\n3. Sign in with the code on"
            " the label."
        ),
    ),
    ("How can I export my bank statement?", "1) Open Accounts.\n2) Choose Statements.\n3) Press Export and pick PDF."),
    (
        "What is the way to block a caller?",
        "Step 1: Open the call log.\nStep 2: Press the number for a second.\nStep 3: Choose Block.",
    ),
    ("How do I turn on dark mode?", "1. Open Settings.\n2. Choose Display.\n3. Switch on Dark theme."),
    ("How do I cancel a train ticket?", "1. Open the booking.\n2. Press Cancel ticket.\n3. Confirm the refund."),
    (
        "How do I clean the coffee machine?",
        "1. Empty the tray.\n2. Fill in the descaler.\n3. Start the cleaning cycle.",
    ),
]


def steptune(*arguments: str, cwd: Path, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [STEPTUNE, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def no_traceback(done: subprocess.CompletedProcess[str]) -> None:
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rows.jsonl and one finished data-build run."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "rows.jsonl").write_text(
        "".join(json.dumps({"prompt": prompt, "output": output}) + "\n" for prompt, output in ROWS), encoding="utf-8"
    )
    done = steptune(
        "run",
        "data-build",
        "sources=[{type: jsonl, path: rows.jsonl}]",
        "test_share=0.3",
        "validation_share=0.2",
        "--json",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    (folder / "first.json").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def first(workplace: Path) -> dict:
    return json.loads((workplace / "first.json").read_text())


def test_json_prints_one_document_and_nothing_else(first: dict) -> None:
    assert (first["state"], first["exit_code"], first["recipe"]) == ("finished", 0, "data-build")
    assert set(first["outputs"]) == {"dataset"}


def test_runs_show_note_and_logs_know_the_run(workplace: Path, first: dict) -> None:
    assert [row["id"] for row in json.loads(steptune("runs", "--json", cwd=workplace).stdout)] == [first["id"]]
    assert steptune("note", first["id"], "first try", cwd=workplace).returncode == 0
    shown = json.loads(steptune("show", "latest", "--json", cwd=workplace).stdout)
    assert (shown["state"], shown["notes"][0]["text"]) == ("finished", "first try")
    assert steptune("logs", "latest", cwd=workplace).returncode == 0
    assert "finished" in steptune("show", first["id"][-4:], cwd=workplace).stdout


def test_a_wrong_config_is_exit_2_with_all_problems(workplace: Path) -> None:
    (workplace / "bad.yaml").write_text("sources:\n  - {type: jsonl, path: none.jsonl}\nsed: 1\nmax_steps: many\n")
    done = steptune("run", "data-build", "-c", "bad.yaml", cwd=workplace)
    assert done.returncode == 2
    for part in (
        "3 problems",
        "bad.yaml:2: sources.0.path",
        "bad.yaml:3: sed: unknown option; did you mean seed?",
        "bad.yaml:4: max_steps: found 'many'",
    ):
        assert part in done.stderr
    no_traceback(done)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "nope"], 2, "There is no run 'nope'"),
        (["logs", "-f", "nope"], 2, "There is no run 'nope'"),
        (["run", "stf"], 2, "Did you mean sft?"),
        (["run", "sft", "--preset", "dmo"], 2, "Did you mean demo?"),
        (["run", "sft", "--on", "gpu9"], 2, "accelerate config"),
        (["run", "sft", "--whatever"], 2, "does not know --whatever"),
        (["compare", "latest"], 2, "at least two runs"),
        (["stop", "latest"], 2, "already ended (finished)"),
        (["resume", "latest"], 2, "is finished; there is nothing to resume"),
        (["rm", "--now", "latest"], 2, "give --yes"),
        (["run", "generate", "data=rows.jsonl", "--", "--main_process_port", "1"], 2, "not started by accelerate"),
        (["runs", "--", "x"], 2, "belong to `steptune run` only"),
    ],
)
def test_mistakes_get_one_sentence_and_the_documented_code(
    workplace: Path, first: dict, arguments: list[str], code: int, message: str
) -> None:
    done = steptune(*arguments, cwd=workplace)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    no_traceback(done)


def test_the_same_run_dir_twice_is_refused_and_the_first_run_stays(workplace: Path, first: dict) -> None:
    done = steptune(
        "run", "data-build", "sources=[{type: jsonl, path: rows.jsonl}]", "--run-dir", first["run_dir"], cwd=workplace
    )
    assert done.returncode == 2
    assert "already holds the run" in done.stderr
    assert json.loads(steptune("show", first["id"], "--json", cwd=workplace).stdout)["state"] == "finished"


def test_two_runs_at_once_do_not_disturb_each_other(workplace: Path) -> None:
    arguments = [STEPTUNE, "run", "data-build", "sources=[{type: jsonl, path: rows.jsonl}]", "test_share=0.3", "--json"]
    both = [
        subprocess.Popen(arguments, cwd=workplace, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]
    documents = [json.loads(process.communicate(timeout=120)[0]) for process in both]
    assert [document["state"] for document in documents] == ["finished", "finished"]
    assert documents[0]["id"] != documents[1]["id"]
    assert documents[0]["outputs"]["dataset"]["sha256"] == documents[1]["outputs"]["dataset"]["sha256"]


def test_broken_rows_go_to_the_ledger_and_strict_stops(workplace: Path) -> None:
    good = "".join(json.dumps({"prompt": prompt, "output": output}) + "\n" for prompt, output in ROWS).encode()
    bad = (
        b'{"prompt": "p", "output": \n'
        + b'{"prompt": "How do I wait?", "output": ""}\n'
        + b'{"prompt": "caf\xe9", "output": "1. a\\n2. b"}\n'
    )
    (workplace / "mixed.jsonl").write_bytes(good + bad)
    source = "sources=[{type: jsonl, path: mixed.jsonl}]"
    done = steptune("run", "data-build", source, "test_share=0.3", "validation_share=0.2", "--json", cwd=workplace)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    ledger = [
        json.loads(line) for line in (Path(document["run_dir"]) / "dataset" / "ledger.jsonl").read_text().splitlines()
    ]
    assert len(ledger) == len(ROWS) + 3
    assert sum(row["ended"] == "dropped" for row in ledger) == 3
    strict = steptune("run", "data-build", source, "strict=true", cwd=workplace)
    assert strict.returncode == 2, strict.stderr
    assert "mixed.jsonl:7" in strict.stderr
    no_traceback(strict)


def test_dry_run_starts_nothing_and_shows_the_command(workplace: Path) -> None:
    before = sorted(path.name for path in (workplace / "runs").iterdir())
    done = steptune(
        "run", "sft", "--preset", "demo", "--dry-run", "--json", "--", "--main_process_port", "29777", cwd=workplace
    )
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert (Path(plan["argv"][0]).name, plan["argv"][1]) == ("accelerate-launch", "--config_file")
    assert plan["argv"][3:5] == ["--main_process_port", "29777"]
    assert plan["preflight"]["ok"] is True
    assert plan["machines"] == [plan["argv"]]
    assert plan["memory_bytes"]["together"] > plan["memory_bytes"]["embeddings and head"] >= 49_152 * 576 * 2
    assert plan["preview"]["proof"]["train_prompt_is_served_prompt"] is True
    assert [plan["preview"]["tokens"][0], plan["preview"]["tokens"][-1]] == [
        ["<|im_start|>", False],
        ["<|im_end|>", True],
    ]
    assert sorted(path.name for path in (workplace / "runs").iterdir()) == before


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="on a GPU server the default preset can run")
def test_the_default_preset_without_a_gpu_is_refused_by_preflight(workplace: Path) -> None:
    done = steptune("run", "sft", "--on", "single_gpu", "data=rows.jsonl", cwd=workplace)
    assert done.returncode == 3
    assert "needs 1 NVIDIA GPU(s), found 0" in done.stderr
    no_traceback(done)


def test_detach_returns_when_the_recipe_is_up_and_fails_when_it_is_not(workplace: Path) -> None:
    done = steptune(
        "run", "data-build", "sources=[{type: jsonl, path: rows.jsonl}]", "--detach", "--json", cwd=workplace
    )
    assert done.returncode == 0, done.stderr
    run_dir = Path(json.loads(done.stdout)["run_dir"])
    assert any('"started"' in line for line in (run_dir / "events.jsonl").read_text().splitlines())
    wait_for(lambda: (run_dir / "result.json").exists(), 60)


def test_kill_9_of_the_viewer_leaves_the_run_going(workplace: Path) -> None:
    viewer = subprocess.Popen(
        [STEPTUNE, "run", "data-build", "sources=[{type: jsonl, path: rows.jsonl}]", "--run-dir", "survivor"],
        cwd=workplace,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: (workplace / "survivor" / "proc.json").exists())
    viewer.send_signal(signal.SIGKILL)
    viewer.wait()
    wait_for(lambda: (workplace / "survivor" / "result.json").exists(), 60)
    assert json.loads((workplace / "survivor" / "result.json").read_text())["state"] == "finished"


@pytest.mark.parametrize(("answer", "state"), [("s\n", "cancelled"), ("l\n", "running")])
def test_ctrl_c_asks_whether_to_leave_or_to_stop(workplace: Path, answer: str, state: str) -> None:
    """On a real terminal; the recipe is slowed down by a source that is a pipe nobody writes to."""
    folder = workplace / f"ctrlc-{state}"
    fifo = workplace / f"{state}.jsonl"
    os.mkfifo(fifo)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(workplace)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the suite itself runs in the background of a shell
        os.execv(
            STEPTUNE,
            [STEPTUNE, "run", "data-build", f"sources=[{{type: jsonl, path: {fifo}}}]", "--run-dir", str(folder)],
        )
    events = folder / "events.jsonl"
    wait_for(lambda: events.exists() and '"started"' in events.read_text(), 60)
    os.write(terminal, b"\x03")
    seen = b""
    while b"[l]eave it going" not in seen:
        seen += os.read(terminal, 4096)
    os.write(terminal, answer.encode())
    _, status = wait_for(lambda: (found := os.waitpid(pid, os.WNOHANG))[0] and found, 60)
    assert os.waitstatus_to_exitcode(status) == 130
    from toolkit.run_folder.folder import RunFolder
    from toolkit.runs.stop import ask_to_stop, wait_until_ended

    assert RunFolder(folder).state() == state
    if state == "running":
        ask_to_stop(RunFolder(folder))
        wait_until_ended(RunFolder(folder))
    os.close(terminal)


def test_rm_deletes_ended_runs_only(workplace: Path) -> None:
    listed = json.loads(steptune("runs", "--json", cwd=workplace).stdout)
    victim = listed[0]["id"]
    assert steptune("rm", "--now", victim, "--yes", cwd=workplace).returncode == 0
    assert victim not in [row["id"] for row in json.loads(steptune("runs", "--json", cwd=workplace).stdout)]


def test_compare_names_the_settings_that_differ(workplace: Path, first: dict) -> None:
    done = steptune(
        "run",
        "data-build",
        "sources=[{type: jsonl, path: rows.jsonl}]",
        "test_share=0.3",
        "validation_share=0.2",
        "seed=99",
        "--json",
        cwd=workplace,
    )
    compared = json.loads(
        steptune("compare", first["id"], json.loads(done.stdout)["id"], "--json", cwd=workplace).stdout
    )
    assert compared["settings"] == {"seed": [17, 99]}


def test_help_answers_quickly(workplace: Path) -> None:
    """By the time that it computes: what it waits for is the neighbours' on a busy machine."""
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert steptune("--help", cwd=workplace).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.3
