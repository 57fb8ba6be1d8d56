"""From new to verify as files: the key, the lock, what was changed, and everything that must be refused."""

from __future__ import annotations

import json
import random
import shutil
import stat
from pathlib import Path

import pytest

from tests.unit.review.study_case import make_study, rate_all, sample_files
from tests.unit.review.tampering import KINDS, entries_of, named_changes, tamper
from toolkit.errors import ConfigError, DataError, SteptuneError, UsageError
from toolkit.records import sha256_text
from toolkit.review.study.closing import lock, opened_key, unblind
from toolkit.review.study.create import Created, create_study
from toolkit.review.study.folder import open_study
from toolkit.review.study.inputs import read_inputs
from toolkit.review.study.key import canonical, is_encrypted, read_key
from toolkit.review.study.packet import find_packet, read_packet
from toolkit.review.study.plan import StudyPlan, read_plan
from toolkit.review.study.ratings import read_ratings, receipt_of
from toolkit.review.study.session import Session
from toolkit.review.study.verify import find_changes, read_receipt


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Created:
    """Two raters have rated everything; locked and unblinded. Tests work on copies."""
    made = make_study(tmp_path_factory.mktemp("finished"))
    for rater in ("anna", "ben"):
        rate_all(made, rater)
    lock(made.folder)
    unblind(made.folder, made.key_file)
    return made


def copy_of(made: Created, place: Path) -> Created:
    shutil.copytree(made.folder.path, place / "study")
    shutil.copy2(made.key_file, place / "study.key")
    return Created(open_study(place / "study"), place / "study.key", made.sample)


def changes_of(made: Created) -> list[str]:
    """What `verify` says, with the key where it opens."""
    try:
        return find_changes(made.folder, read_key(made.key_file))
    except SteptuneError as error:
        return [f"the key: {error}", *find_changes(made.folder)]


def test_nothing_is_named_where_nothing_was_changed(finished: Created) -> None:
    assert changes_of(finished) == []


@pytest.mark.parametrize(
    "name",
    [
        "plan.json",
        "outputs.jsonl",
        "packets/anna.jsonl",
        "manifest.json",
        "ratings/anna.jsonl",
        "ratings/ben.jsonl",
        "lock.json",
        "unblinded.json",
        "../study.key",
    ],
)
def test_any_change_of_one_byte_is_named(finished: Created, tmp_path: Path, name: str) -> None:
    made = copy_of(finished, tmp_path)
    path = made.folder.path / name
    named = "the key" if name == "../study.key" else path.name
    original = path.read_bytes()
    places = sorted({0, 1, len(original) - 1, *range(7, len(original), max(1, len(original) // 9))})
    for at in places:
        for byte in (original[at] ^ 1, 0x20 if original[at] != 0x20 else 0x0A):
            path.write_bytes(original[:at] + bytes([byte]) + original[at + 1 :])
            found = "\n".join(changes_of(made))
            assert named in found, (at, byte)
    for at in (0, len(original) // 2, len(original) - 1):  # one byte less, one more
        for changed in (original[:at] + original[at + 1 :], original[:at] + b" " + original[at:]):
            path.write_bytes(changed)
            assert named in "\n".join(changes_of(made)), at


def test_the_key_is_its_owners_and_committed_to(tmp_path: Path) -> None:
    made = make_study(tmp_path)
    assert stat.S_IMODE(made.key_file.stat().st_mode) == 0o600
    assert not made.key_file.is_relative_to(made.folder.path)
    key = read_key(made.key_file)
    assert made.folder.manifest().commitment == sha256_text(key.nonce + canonical(key.body).decode())


def test_a_passphrase_hides_the_key_and_a_wrong_one_does_not_open_it(tmp_path: Path) -> None:
    made = make_study(tmp_path, passphrase="open sesame")
    assert is_encrypted(made.key_file)
    raw = made.key_file.read_text()
    assert not [
        name for name in ("baseline", "tuned", "units", read_key(made.key_file, "open sesame").nonce) if name in raw
    ]
    with pytest.raises(DataError, match="passphrase is wrong"):
        read_key(made.key_file, "open barley")
    with pytest.raises(UsageError, match="passphrase"):
        read_key(made.key_file)


def test_a_key_of_another_study_does_not_open_this_one(finished: Created, tmp_path: Path) -> None:
    other = make_study(tmp_path / "other")
    with pytest.raises(DataError, match="commits to"):
        unblind(copy_of(finished, tmp_path).folder, other.key_file)


def test_the_steps_keep_their_order(tmp_path: Path) -> None:
    made = make_study(tmp_path)
    with pytest.raises(UsageError, match="before its ratings are locked"):
        opened_key(made.folder)
    with pytest.raises(UsageError, match="before its ratings are locked"):
        unblind(made.folder, made.key_file)
    with pytest.raises(UsageError, match="Not everybody is done: anna 0 of 42"):
        lock(made.folder)
    with pytest.raises(UsageError, match="no ratings yet"):
        lock(made.folder, accept_incomplete=True)
    rate_all(made, "anna")
    assert lock(made.folder, accept_incomplete=True)["anna"] == {"done": 42, "tasks": 42}
    with pytest.raises(UsageError, match="still blind"):
        opened_key(made.folder)
    with pytest.raises(UsageError, match="locked already"):
        lock(made.folder)
    with pytest.raises(UsageError, match="is locked"):
        Session(read_packet(find_packet(made.folder.path, "ben")))
    unblind(made.folder, made.key_file)
    assert set(opened_key(made.folder).body["systems"]) == {"baseline", "tuned", "human"}


def test_a_rating_written_after_the_lock_is_named(finished: Created, tmp_path: Path) -> None:
    made = copy_of(finished, tmp_path)
    elsewhere = tmp_path / "rater" / "anna.jsonl"  # the rater's own machine, where there is no lock
    elsewhere.parent.mkdir()
    shutil.copy(made.folder.packet_file("anna"), elsewhere)
    packet = read_packet(elsewhere)
    shutil.copy(made.folder.ratings_file("anna"), packet.ratings_file)
    with Session(packet) as session:
        session.rate(session.tasks[0], dict.fromkeys(("accuracy", "completeness", "clarity", "format adherence"), 5))
    shutil.copy(packet.ratings_file, made.folder.ratings_file("anna"))
    assert find_changes(made.folder) == ["ratings/anna.jsonl has 1 lines that were written after the lock"]


def test_a_file_that_was_cut_or_is_gone_is_named(finished: Created, tmp_path: Path) -> None:
    made = copy_of(finished, tmp_path)
    path = made.folder.ratings_file("ben")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-3]))
    assert find_changes(made.folder) == ["ratings/ben.jsonl was cut: 3 lines are missing since the lock"]
    path.write_bytes(b"".join(lines[:5] + lines[6:]))
    assert "ben.jsonl:6 was changed, or a line before it is missing" in find_changes(made.folder)[0]
    path.unlink()
    assert find_changes(made.folder) == [f"ratings/ben.jsonl is missing: it had {len(lines)} lines when it was locked"]


def test_a_rater_file_from_another_study_or_rater_is_refused(tmp_path: Path) -> None:
    here, other = make_study(tmp_path / "here"), make_study(tmp_path / "other")
    rate_all(here, "anna")
    rate_all(other, "ben")
    shutil.copy(other.folder.ratings_file("ben"), here.folder.ratings_file("ben"))
    with pytest.raises(DataError, match="belongs to another study"):
        lock(here.folder)
    shutil.copy(here.folder.ratings_file("anna"), here.folder.ratings_file("ben"))
    with pytest.raises(DataError, match="belongs to another rater"):
        lock(here.folder)


def test_an_edited_rating_is_refused_when_rating_goes_on_and_when_it_is_locked(tmp_path: Path) -> None:
    made = make_study(tmp_path)
    rate_all(made, "anna")
    path = made.folder.ratings_file("anna")
    path.write_text(path.read_text().replace('"accuracy": 4', '"accuracy": 5', 1))
    with pytest.raises(DataError, match="was changed"):
        Session(read_packet(find_packet(made.folder.path, "anna")))
    with pytest.raises(DataError, match="was changed"):
        lock(made.folder, accept_incomplete=True)


def test_two_raters_with_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two raters have one name"):
        make_study(tmp_path, raters=("anna", "ben", "Anna"))
    assert not (tmp_path / "study").exists()
    made = make_study(tmp_path / "second")
    rate_all(made, "anna")
    shutil.copy(made.folder.ratings_file("anna"), made.folder.path / "ratings" / "anna (2).jsonl")
    with pytest.raises(DataError, match="two people rated under one name"):
        lock(made.folder, accept_incomplete=True)


def test_a_second_process_cannot_rate_under_the_same_name(tmp_path: Path) -> None:
    made = make_study(tmp_path)
    packet = read_packet(find_packet(made.folder.path, "anna"))
    with Session(packet), pytest.raises(UsageError, match="open in another window"):
        Session(packet)


def test_packets_and_ratings_travel_as_single_files(tmp_path: Path) -> None:
    made = make_study(tmp_path)
    away = tmp_path / "laptop" / "packet-for-ben.jsonl"
    away.parent.mkdir()
    shutil.copy(made.folder.packet_file("ben"), away)
    with Session(read_packet(find_packet(away, None))) as session:
        session.rate(session.tasks[0], dict.fromkeys(("accuracy", "completeness", "clarity", "format adherence"), 2))
    shutil.copy(away.parent / "ben.ratings.jsonl", made.folder.ratings_file("ben"))
    packet = read_packet(made.folder.packet_file("ben"))
    assert [
        entry["kind"] for entry in read_ratings(made.folder.ratings_file("ben"), packet.study, "ben", packet.sha256)
    ] == ["begin", "scores"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], "Missing: "),
        (lambda rows: [*rows, {"id": "x", "output": "1. A."}], "Not among the references: x"),
        (lambda rows: [*rows, rows[0]], "occurs twice"),
        (lambda rows: [{**rows[0], "output": None}, *rows[1:]], "must be a text"),
        (lambda rows: [{**rows[0], "prompt": "Another?"}, *rows[1:]], "is not the reference's prompt"),
    ],
)
def test_predictions_that_do_not_fit_the_references_are_refused(tmp_path: Path, change: object, message: str) -> None:
    references, files = sample_files(tmp_path)
    rows = [json.loads(line) for line in files["tuned"].read_text().splitlines()]
    files["tuned"].write_text("".join(json.dumps(row) + "\n" for row in change(rows)))  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        read_inputs(references, files)


def test_a_packet_cannot_send_ratings_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "packet.jsonl"
    made = make_study(tmp_path)
    path.write_text(made.folder.packet_file("anna").read_text().replace('"rater": "anna"', '"rater": "../../anna"', 1))
    with pytest.raises(SteptuneError, match="cannot be used as a name"):
        read_packet(path)


def test_reordered_predictions_are_joined_by_id(tmp_path: Path) -> None:
    references, files = sample_files(tmp_path)
    expected = read_inputs(references, files).questions
    files["tuned"].write_text("".join(reversed(files["tuned"].read_text().splitlines(keepends=True))))
    assert read_inputs(references, files).questions == expected


def test_leaks_stop_a_study_unless_they_are_accepted(tmp_path: Path) -> None:
    references, files = sample_files(tmp_path)
    files["tuned"].write_text(files["tuned"].read_text().replace("1. ", "1. As an AI model, ", 1))
    inputs = read_inputs(references, files)
    plan = StudyPlan(items=12)
    with pytest.raises(DataError, match="assistant phrase: 'As an AI'"):
        create_study(tmp_path / "study", inputs, ["anna"], plan, tmp_path / "key")
    assert not (tmp_path / "study").exists()
    made = create_study(tmp_path / "study", inputs, ["anna"], plan, tmp_path / "key", leaks_acknowledged=True)
    assert made.sample.leaks_acknowledged >= 1


def test_a_key_inside_the_study_or_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    references, files = sample_files(tmp_path)
    inputs = read_inputs(references, files)
    with pytest.raises(UsageError, match="where raters could read it"):
        create_study(tmp_path / "study", inputs, ["anna"], StudyPlan(), tmp_path / "study" / "key")
    (tmp_path / "study").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        create_study(tmp_path / "study", inputs, ["anna"], StudyPlan(), tmp_path / "key")


def test_a_plan_with_mistakes_names_them_all(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("itmes: 5\ncore_items: -1\ncriteria: [{name: a, question: b, anchors: [x]}]\n")
    with pytest.raises(ConfigError) as found:
        read_plan(path)
    assert [problem.key for problem in found.value.problems] == ["criteria.0.anchors", "core_items", "itmes"]
    with pytest.raises(ConfigError, match=r"descriptions\.other"):
        StudyPlan().for_systems(["other", "human"])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_rewritten_after_the_lock_is_named_by_the_handed_out_hash(
    finished: Created, tmp_path: Path, kind: str
) -> None:
    made = copy_of(finished, tmp_path)
    handed_out = made.folder.lock_hash()
    assert find_changes(made.folder, read_key(made.key_file), handed_out) == []
    for number in range(2):
        place = tmp_path / f"{number}"
        place.mkdir()
        changed = copy_of(made, place)
        tamper(changed, kind, random.Random(number))
        assert named_changes(changed, handed_out), kind


def test_a_rewritten_rating_with_all_hashes_anew_passes_without_the_hash_and_shows_in_receipts(
    finished: Created, tmp_path: Path
) -> None:
    made = copy_of(finished, tmp_path)
    packet = read_packet(made.folder.packet_file("anna"))
    receipt = read_receipt(receipt_of("anna", entries_of(made, "anna")))
    handed_out = made.folder.lock_hash()
    tamper(made, "score rewritten, chain and lock anew", random.Random(1))
    assert find_changes(made.folder, read_key(made.key_file)) == []
    assert "rewritten or locked again since" in find_changes(made.folder, lock_hash=handed_out)[0]
    assert find_changes(made.folder, receipts=[receipt]) == [
        f"ratings/anna.jsonl does not hold what anna's receipt is of: {receipt.lines} lines that end otherwise"
    ]
    assert packet.rater == "anna"
