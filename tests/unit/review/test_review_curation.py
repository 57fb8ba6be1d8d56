from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.review_case import write_dataset
from toolkit.errors import DataError, UsageError
from toolkit.review.audited_card import newest_card
from toolkit.review.curation import Curation
from toolkit.review.rulings import read_journals, rulings


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset")


def open_as(dataset: Path, name: str, overlap: float | None = None) -> Curation:
    return Curation(dataset, name, overlap)


def test_rows_that_data_build_asks_about_come_first_and_duplicates_are_a_view_of_their_own(dataset: Path) -> None:
    curation = open_as(dataset, "ann")
    queue = [item.id for item in curation.queue()]
    assert set(queue[:2]) == {"r03", "r11"}
    assert sorted(queue) == [f"r{number:02}" for number in range(12)]
    assert [(item.id, item.twin) for item in curation.duplicates()] == [("twin", "r01")]
    curation.close()


def test_a_skipped_row_goes_to_the_end_and_a_flag_to_everybody(dataset: Path) -> None:
    ann = open_as(dataset, "ann", overlap=1)
    first, second = ann.queue()[:2]
    ann.skip(first)
    assert ann.queue()[0] == second
    assert ann.queue()[-1] == first
    ann.flag(second, "is this true?")
    ann.close()
    budi = open_as(dataset, "budi")
    assert budi.flags() == {second.id: [("ann", "is this true?")]}
    budi.close()


def test_rows_outside_the_overlap_are_decided_once(dataset: Path) -> None:
    ann, budi = open_as(dataset, "ann", overlap=0.5), open_as(dataset, "budi")
    for item in ann.queue():
        ann.decide(item, "accept")
    budi.refresh()
    left = [item.id for item in budi.queue()]
    assert left
    assert all(budi.is_shared(identifier) for identifier in left)
    assert len(left) < 12
    for curation in (ann, budi):
        curation.close()


def test_everybody_works_with_the_same_overlap(dataset: Path) -> None:
    open_as(dataset, "ann", overlap=0.5).close()
    with pytest.raises(DataError, match=r"an overlap of 0\.5, not 0\.3"):
        open_as(dataset, "budi", overlap=0.3)
    with pytest.raises(DataError, match="from 0 to 1"):
        Curation(write_dataset(dataset.parent / "other"), "ann", 1.5)


def test_a_majority_decides_a_tie_is_open_and_an_adjudication_settles(dataset: Path) -> None:
    people = {name: open_as(dataset, name, overlap=1) for name in ("ann", "budi", "siti")}
    item, tied, edited = (people["ann"].items[identifier] for identifier in ("r00", "r01", "r02"))
    for name, verdict in (("ann", "accept"), ("budi", "reject"), ("siti", "reject")):
        people[name].decide(item, verdict, reason="wrong" if verdict == "reject" else "")  # type: ignore[arg-type]
    people["ann"].decide(tied, "accept")
    people["budi"].decide(tied, "reject", reason="unsafe")
    people["ann"].decide(edited, "edit", prompt="How do I descale the kettle?", output="1. Fill it.\n2. Boil it.")
    for curation in people.values():
        curation.refresh()
    outcome = people["ann"].rulings()
    assert (outcome["r00"].verdict, outcome["r00"].reason, outcome["r00"].is_open) == ("reject", "wrong", False)
    assert outcome["r01"].is_open
    assert (outcome["r02"].verdict, outcome["r02"].prompt) == ("edit", "How do I descale the kettle?")
    assert [found.id for found in people["siti"].disagreements()] == ["r01"]
    people["siti"].decide(tied, "accept", adjudicates=True)
    settled = people["siti"].rulings()["r01"]
    assert (settled.verdict, settled.is_open, settled.adjudicated) == ("accept", False, True)
    people["siti"].undo()
    assert people["siti"].rulings()["r01"].is_open
    for curation in people.values():
        curation.close()


def test_scripted_annotators_agree_as_their_errors_say(tmp_path: Path) -> None:
    """Three people who see the truth and err in 10 % of the rows: the coefficients come out as computed by hand from
    the journals.
    """
    dataset = write_dataset(tmp_path / "dataset", rows=120)
    truth = {f"r{number:02}": "reject" if number % 3 == 0 else "accept" for number in range(120)}
    for name in ("ann", "budi", "siti"):
        draw = random.Random(name)
        curation = open_as(dataset, name, overlap=1)
        for item in curation.queue():
            wrong = draw.random() < 0.1
            verdict = truth[item.id] if not wrong else ("accept" if truth[item.id] == "reject" else "reject")
            curation.decide(item, verdict, reason="wrong" if verdict == "reject" else "")  # type: ignore[arg-type]
        curation.close()
    last = open_as(dataset, "ann")
    report = last.report()
    last.close()
    votes = {
        name: {entry["id"]: entry["verdict"] for entry in entries}
        for name, entries in read_journals(dataset.parent / "dataset.curation").items()
    }
    equal = [
        votes[a][row] == votes[b][row] for a, b in (("ann", "budi"), ("ann", "siti"), ("budi", "siti")) for row in truth
    ]
    assert report.annotators == {"ann": 120, "budi": 120, "siti": 120}
    assert report.agreement.rows == 120
    assert report.agreement.equal_pairs == round(sum(equal) / len(equal), 4)
    assert report.agreement.krippendorff_alpha == pytest.approx(report.agreement.fleiss_kappa, abs=0.01)
    assert set(report.agreement.pairs) == {"ann, budi", "ann, siti", "budi, siti"}
    right = sum(
        ruling.verdict == truth[row]
        for row, ruling in rulings(read_journals(dataset.parent / "dataset.curation")).items()
    )
    assert right / 120 > 0.94  # the majority of three errs in about 3 %


def test_a_decision_on_another_text_does_not_count(dataset: Path) -> None:
    ann = open_as(dataset, "ann")
    ann.decide(ann.items["r00"], "accept")
    ann.close()
    text = (dataset / "train.jsonl").read_text().replace("mend the 0. kettle", "repair the 0. kettle")
    (dataset / "train.jsonl").write_text(text)
    again = open_as(dataset, "ann")
    assert "r00" not in again.mine()
    assert "r00" in {item.id for item in again.queue()}
    again.close()


def test_what_is_not_a_decision_is_refused(dataset: Path) -> None:
    ann = open_as(dataset, "ann")
    with pytest.raises(DataError, match="needs a reason"):
        ann.decide(ann.items["r00"], "reject", reason=" ")
    with pytest.raises(DataError, match="needs a question and steps"):
        ann.decide(ann.items["r00"], "edit", prompt="How?")
    assert ann.journal.entries == []
    ann.close()


def steptune(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "toolkit.cli", *arguments], input=text, capture_output=True, text=True, timeout=60
    )


def test_the_plain_loop_takes_every_command(dataset: Path) -> None:
    script = (
        "a\nx wrong order\nf who says so?\ne\nHow do I clean a kettle?\nUnplug it.\n2. Wipe"
        " it.\n\nu\nU\ns\nnonsense\nv\na\nv\nv\nq\n"
    )
    done = steptune("curate", str(dataset), "--annotator", "ann", "--plain", text=script)
    assert (done.returncode, done.stderr) == (0, "")
    entries = read_journals(dataset.parent / "dataset.curation")["ann"]
    assert [(entry["kind"], entry.get("verdict")) for entry in entries] == [
        ("decision", "accept"),
        ("decision", "reject"),
        ("flag", None),
        ("decision", "edit"),
        ("undo", None),
        ("redo", None),
        ("skip", None),
        ("decision", "accept"),
    ]
    assert entries[3]["output"] == "1. Unplug it.\n2. Wipe it."
    assert entries[7]["id"] == "twin"
    report = json.loads(steptune("curate", str(dataset), "--json").stdout)
    assert report["verdicts"] == {"accept": 2, "edit": 1, "reject": 1}


def test_commands_that_cannot_be_end_with_one_sentence(dataset: Path, tmp_path: Path) -> None:
    with open_as(dataset, "ann").journal:
        busy = steptune("curate", str(dataset), "--annotator", "ann", "--plain")
    missing = steptune("curate", str(tmp_path / "none"), "--plain")
    no_run = steptune("curate", "no-such-run", "--report")
    screen = steptune("curate", str(dataset))
    assert (busy.returncode, busy.stderr.count("\n"), "open in another window" in busy.stderr) == (2, 1, True)
    assert (missing.returncode, "holds no data set" in missing.stderr) == (2, True)
    assert (no_run.returncode, "There is no run 'no-such-run'" in no_run.stderr) == (2, True)
    assert (screen.returncode, "needs a terminal" in screen.stderr) == (2, True)
    with pytest.raises(UsageError):
        open_as(dataset, "a/b")


def test_kill_9_in_the_plain_loop_loses_no_acknowledged_decision(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", rows=90)
    command = [sys.executable, "-u", "-m", "toolkit.cli", "curate", str(dataset), "--annotator", "ann", "--plain"]
    loop = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert loop.stdin is not None
    assert loop.stdout is not None
    shown = 0
    for text in loop.stdout:
        if text.startswith("[queue, ") or "[queue, " in text:
            shown = int(text.split("[queue, ")[1].split()[0])
            if shown == 12:
                break
            loop.stdin.write("a\n")
            loop.stdin.flush()
    os.kill(loop.pid, signal.SIGKILL)
    loop.wait()
    time.sleep(0.05)
    curation = open_as(dataset, "ann")
    assert len(curation.mine()) >= shown
    curation.close()


def test_the_dialogue_changes_its_view_by_the_key_of_the_screen(dataset: Path) -> None:
    argv = [sys.executable, "-m", "toolkit.cli", "curate", str(dataset), "--plain", "--annotator", "ann"]
    run = subprocess.run(argv, input="v\nq\n", capture_output=True, text=True, timeout=60)
    assert run.returncode == 0
    assert "v view (queue, duplicates, disagreements)" in run.stdout
    assert "[duplicates, 0 decided]" in run.stdout


def test_edited_steps_keep_the_digits_that_belong_to_them(dataset: Path) -> None:
    script = "e\n\n2 cups of water go in.\n2. 30 minutes later take it out.\n3) 1.5 litres are enough.\n\nq\n"
    done = steptune("curate", str(dataset), "--annotator", "ann", "--plain", text=script)
    assert done.returncode == 0
    entry = read_journals(dataset.parent / "dataset.curation")["ann"][0]
    assert entry["output"] == ("1. 2 cups of water go in.\n2. 30 minutes later take it out.\n3. 1.5 litres are enough.")


@pytest.mark.parametrize("script", ["e", "e\n", "e\nHow do I clean it?\n", "e\nHow?\nUnplug it.", "x", "f", ""])
def test_the_end_of_the_input_decides_nothing_and_says_what_is_open(dataset: Path, script: str) -> None:
    done = steptune("curate", str(dataset), "--annotator", "ann", "--plain", text=script)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Open: 12 in queue, 1 in duplicates, 0 in disagreements.\n")
    assert read_journals(dataset.parent / "dataset.curation")["ann"] == []


def test_an_edit_that_changes_nothing_is_none(dataset: Path) -> None:
    done = steptune("curate", str(dataset), "--annotator", "ann", "--plain", text="e\n\n\nq\n")
    assert "Nothing was changed" in done.stdout
    assert read_journals(dataset.parent / "dataset.curation")["ann"] == []


def test_others_verdicts_are_hidden_until_the_own_one_stands(dataset: Path) -> None:
    ann, budi = open_as(dataset, "ann", overlap=1), open_as(dataset, "budi")
    item = budi.queue()[0]
    ann.decide(item, "reject", reason="unsafe")
    ann.flag(item, "is it true?")
    budi.refresh()
    assert [(name, entry["kind"]) for name, entry in budi.history(item.id)] == [("ann", "flag")]
    ann.close()
    budi.close()
    shown = steptune("curate", str(dataset), "--annotator", "budi", "--plain", text="q\n").stdout
    assert "is it true?" in shown
    assert "unsafe" not in shown
    again = open_as(dataset, "budi")
    again.decide(item, "accept")
    assert [entry["kind"] for _, entry in again.history(item.id)] == ["decision", "flag", "decision"]
    again.close()
    settling = steptune("curate", str(dataset), "--annotator", "siti", "--plain", text="v\nv\nq\n").stdout
    assert "[disagreements, 0 decided]" in settling
    assert "ann: reject unsafe" in settling


def test_every_view_is_reached_when_the_queue_is_done(dataset: Path) -> None:
    for name, verdict in (("ann", "accept"), ("budi", "reject")):
        curation = open_as(dataset, name, overlap=1)
        for item in curation.queue():
            curation.decide(item, verdict, reason="wrong" if verdict == "reject" else "")  # type: ignore[arg-type]
        curation.close()
    done = steptune("curate", str(dataset), "--annotator", "ann", "--plain", text="a\na\nq\n")
    assert "[duplicates, 12 decided] twin" in done.stdout
    assert "[disagreements, 13 decided]" in done.stdout
    assert done.stdout.endswith("Open: 0 in queue, 0 in duplicates, 11 in disagreements.\n")


def test_two_different_edits_are_a_disagreement_and_the_text_that_nobody_accepts_is_not_kept(dataset: Path) -> None:
    people = {name: open_as(dataset, name, overlap=1) for name in ("ann", "budi")}
    edited, kept, rejected = (people["ann"].items[name] for name in ("r00", "r01", "r02"))
    for name, curation in people.items():
        curation.decide(edited, "edit", prompt="How do I descale it?", output=f"1. Ask {name}.\n2. Boil it.")
    people["ann"].decide(kept, "accept")
    people["budi"].decide(kept, "edit", prompt="How do I descale it?", output="1. Fill it.\n2. Boil it.")
    people["ann"].decide(rejected, "reject", reason="wrong")
    people["budi"].decide(rejected, "edit", prompt="How do I descale it?", output="1. Fill it.\n2. Boil it.")
    for curation in people.values():
        curation.refresh()
    report, outcome = people["ann"].report(), people["ann"].rulings()
    assert [(name, ruling.is_open, ruling.keeps_text) for name, ruling in sorted(outcome.items())] == [
        ("r00", True, False),
        ("r01", True, True),
        ("r02", True, False),
    ]
    assert (report.open_disagreements, report.agreement.equal_pairs) == (3, 0.0)
    for curation in people.values():
        curation.close()


def test_an_audit_draws_the_same_rows_for_everybody_and_tells_shares_with_intervals(dataset: Path) -> None:
    measured = "## Masking, as measured\n\n| what | value |\n"
    (dataset / "card.md").write_text(f"# Data card\n\n{measured}\n## Settings\n\n| option | value |\n")
    script = "yyy\nyyn\nmaybe\nyny\nu\nyny\nyyy\n"
    done = steptune("curate", str(dataset), "--annotator", "ann", "--audit", "5", text=script)
    assert (done.returncode, done.stderr) == (0, "")
    assert "steps right: 3 of 4, 0.75 (0.30 to 0.95)" in done.stdout
    again = steptune("curate", str(dataset), "--annotator", "ann", "--audit", "5", text="yyy\n")
    assert again.stdout.count("[audit, ") == 1
    assert "row right: 5 of 5, 1.00 (0.57 to 1.00)" in again.stdout
    other = steptune("curate", str(dataset), "--annotator", "budi", "--audit", "5", text="")
    assert other.stdout.count("[audit, 1 of 5]") == 1
    drawn = [entry["id"] for entry in read_journals(dataset.parent / "dataset.curation")["ann"] if "id" in entry]
    assert next(line for line in other.stdout.splitlines() if "[audit" in line).split("] ")[1].split()[0] == drawn[0]
    report = json.loads(steptune("curate", str(dataset), "--json").stdout)
    assert report["audit"]["rows"] == 5
    assert report["audit"]["right"]["masking"] == {"right": 4, "share": 0.8, "low": 0.3755, "high": 0.9638}
    own, audited = (dataset / "card.md").read_text(), newest_card(dataset).read_text()
    assert "card with the audit: " in again.stdout
    assert ("## Masking, as measured" in own, "## Audit of rows" in own) == (True, False)  # as it was hashed
    assert ("## Masking, as measured" in audited, audited.count("## Audit of rows")) == (False, 1)
    assert "| masking | 4 of 5 | 0.800 | 0.376 to 0.964 |" in audited
    assert audited.index("## Audit of rows") < audited.index("## Settings")
    refused = steptune("curate", str(dataset), "--audit", "0")
    assert (refused.returncode, "expected 1 or more" in refused.stderr) == (2, True)
