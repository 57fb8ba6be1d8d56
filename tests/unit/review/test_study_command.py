"""`steptune study` as it is typed: options, JSON, passphrases, exit codes, and messages for what is wrong."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest

from tests.unit.review.study_case import sample_files
from toolkit.cli import main


class Typed:
    """The commands of one folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.references, self.files = sample_files(folder)
        self.study = folder / "study"

    def __call__(self, *arguments: str, code: int = 0) -> str:
        assert main(["study", *arguments]) == code
        said = self.capsys.readouterr()
        return said.out + said.err

    def new(self, *more: str, code: int = 0) -> str:
        systems = [f"--system={name}={path}" for name, path in self.files.items()]
        standard = ["--items", "3", "--acknowledge-leaks"]
        return self(
            "new",
            str(self.study),
            "--data",
            str(self.references),
            *systems,
            "--raters",
            "anna, ben",
            *standard,
            *more,
            code=code,
        )


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(tmp_path, capsys)


def test_new_says_where_the_key_is_and_what_comes_next(typed: Typed) -> None:
    said = typed.new()
    assert "3 questions, 2 raters: anna, ben." in said
    assert f"Key: {typed.study}.key" in said
    assert "Smallest difference that it finds" in said
    assert stat.S_IMODE((typed.folder / "study.key").stat().st_mode) == 0o600


def test_margin_core_and_title_reach_the_plan(typed: Typed) -> None:
    made = json.loads(typed.new("--margin", "0.5", "--core", "1", "--title", "Two manuals", "--json"))
    plan = json.loads((typed.study / "plan.json").read_text())["plan"]
    assert "tuned" not in (typed.study / "plan.json").read_text()
    assert [(claim["kind"], claim["margin"]) for claim in plan["comparisons"]] == [
        ("superiority", 0.0),
        ("non_inferiority", 0.5),
    ]
    assert (plan["core_items"], plan["title"], made["raters"]) == (1, "Two manuals", ["anna", "ben"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--items", "0"], "items: found 0, must be 1 or more"),
        (["--margin", "9"], "comparisons.1.margin: found 9"),
        (["--margin", "0"], "a margin of 0 holds for no interval"),
        (["--title", "Is TUNED better?"], "names the system tuned"),
        (["--plan", "nowhere.yaml"], "the file does not exist"),
        (["--system", "tuned"], "expected NAME=FILE"),
        (["--system", "tuned=again.jsonl"], "given twice"),
        (["--system", "third=x.jsonl"], "expected one or two"),
        (["--raters", "anna,anna"], "two raters have one name"),
        (["--raters", "an/na"], "cannot be used as a name"),
        (["--raters", ","], "a study needs raters"),
        (["--passphrase-file", "nowhere"], "cannot be read"),
        (["--data", "nowhere"], "does not exist"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(typed: Typed, more: list[str], message: str) -> None:
    assert message in typed.new(*more, code=2)
    assert not typed.study.exists()
    assert not (typed.folder / "study.key").exists()


def test_a_predictions_folder_is_taken_like_its_file(typed: Typed) -> None:
    (typed.folder / "run").mkdir()
    typed.files["tuned"].rename(typed.folder / "run" / "predictions.jsonl")
    typed.files["tuned"] = typed.folder / "run"
    typed.new()


def test_rating_from_a_pipe_lock_unblind_report_and_verify(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = typed.folder / "passphrase"
    secret.write_text("open sesame\n")
    typed.new("--passphrase-file", str(secret))
    for rater in ("anna", "ben"):
        answers = []
        for line in (typed.study / "packets" / f"{rater}.jsonl").read_text().splitlines()[1:]:
            unit = json.loads(line)
            count = len(unit["answers"])
            answers += (
                ["1"] * count
                if unit["part"] == "guess"
                else [f"{n + 1} 3 4 4" for n in range(count)] + [" ".join("123"[:count])]
            )
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(answers) + "\n"))
        said = typed("rate", str(typed.study), "--rater", rater, "--plain")
        assert "All done. Thank you" in said
        assert f"Your receipt: {rater}:" in said
    locked_document = json.loads(typed("lock", str(typed.study), "--json"))
    locked = locked_document["locked"]
    assert all(count["done"] == count["tasks"] for count in locked.values())
    assert "does not open" in typed("unblind", str(typed.study), "--passphrase-file", str(typed.references), code=2)
    assert json.loads(typed("unblind", str(typed.study), "--passphrase-file", str(secret), "--json")) == {
        "systems": ["baseline", "tuned", "human"]
    }
    report = json.loads(typed("report", str(typed.study), "--json"))
    assert (report["items"], report["raters"]) == (3, 2)
    assert (typed.study / "report" / "study_report.md").read_text().startswith("# Which answers are better?")
    verified = json.loads(typed("verify", str(typed.study), "--passphrase-file", str(secret), "--json"))
    assert (verified["ok"], verified["key_checked"], verified["lock_checked"]) == (True, True, False)
    handed_out = [f"--lock={locked_document['lock']}", f"--receipt={locked_document['receipts']['ben']}"]
    verify = ("verify", str(typed.study), "--passphrase-file", str(secret))
    checked = json.loads(typed(*verify, *handed_out, "--json"))
    assert (checked["ok"], checked["lock_checked"], checked["receipts_checked"]) == (True, True, ["ben"])
    assert "whoever has the key and every file" in typed(*verify)
    assert "lock.json is not the one whose hash was handed out" in typed(*verify, f"--lock={'0' * 64}", code=1)
    assert "expected the 64 hex digits" in typed(*verify, "--lock=abc", code=2)
    assert "expected what `steptune study rate` showed" in typed(*verify, "--receipt=ben", code=2)
    written = typed.study / "report" / "study_report.json"
    honest = written.read_text()
    written.write_text(honest.replace('"mean": 3', '"mean": 4', 1))
    assert "study_report.json: `means` is not what these ratings give" in typed(*verify, code=1)
    written.write_text(honest)
    with (typed.study / "outputs.jsonl").open("a") as file:
        file.write("\n")
    assert "changed: outputs.jsonl" in typed("verify", str(typed.study), "--passphrase-file", str(secret), code=1)


def test_who_rates_must_be_said_and_be_known(typed: Typed) -> None:
    typed.new()
    assert "who rates is missing; give --rater with one of: anna, ben" in typed(
        "rate", str(typed.study), "--plain", code=2
    )
    assert "there is no rater 'zoe'" in typed("rate", str(typed.study), "--rater", "zoe", "--plain", code=2)
    assert "is not a rater's packet" in typed("rate", str(typed.references), "--plain", code=2)
    assert "holds no study" in typed("rate", str(typed.folder), "--plain", code=2)
    assert "holds no study" in typed("verify", str(typed.folder), code=2)
