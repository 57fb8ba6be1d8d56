from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.data.data_build_case import SPLITS, build, ledger, pair, write_rows
from toolkit.data.publishing import publish as publish_module
from toolkit.data.publishing.card import card_markdown
from toolkit.dataset_folder.documents import Card, Funnel
from toolkit.errors import DataError
from toolkit.options.sources import DocumentsSource, JsonlSource
from toolkit.records import JSON, iter_jsonl, read_examples, read_json, sha256_text, sha256_tree

RECIPES = Path(__file__).resolve().parents[3] / "recipes"
SAMPLE = [
    JsonlSource(path=RECIPES / "sample" / "howto", name="howto", licence="Apache-2.0"),
    DocumentsSource(
        path=RECIPES / "sample" / "documents" / "faq.html",
        licence="Apache-2.0",
        domain="ecommerce",
        language="en",
    ),
    DocumentsSource(
        path=RECIPES / "sample" / "documents" / "manual.md",
        licence="Apache-2.0",
        domain="devices",
        language="en",
    ),
]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Card]:
    run_dir = tmp_path_factory.mktemp("sample")
    return run_dir, build(SAMPLE, run_dir)


def test_the_sample_funnel(sample: tuple[Path, Card]) -> None:
    _, card = sample
    assert card.funnel == Funnel(325, {"no numbered steps under this title": 8, "exact duplicate": 1}, 316)
    assert 0.11 <= card.splits["test"].share <= 0.19
    assert card.worth_a_look == [
        "Rows with something masked: en 2 of 265 (0.8%), id 2 of 51 (3.9%).",
        "faq.html: 11 of 15 rows kept (73%); most often left out: no numbered steps under this title (3).",
        "manual.md: 17 of 22 rows kept (77%); most often left out: no numbered steps under this title (5).",
    ]
    assert card.masked == {"email": 2, "phone": 2}
    assert [(source.name, source.licence, source.rows_in, source.rows_kept) for source in card.sources] == [
        ("howto", "Apache-2.0", 288, 288),
        ("faq.html", "Apache-2.0", 15, 11),
        ("manual.md", "Apache-2.0", 22, 17),
    ]


def test_the_ledger_adds_up_to_the_input_and_to_the_splits(sample: tuple[Path, Card]) -> None:
    run_dir, card = sample
    ended = [line["ended"] for line in ledger(run_dir)]
    assert len(ended) == 325
    for split in SPLITS:
        rows = read_examples(run_dir / "dataset" / f"{split}.jsonl")
        assert len(rows) == ended.count(split) == card.splits[split].rows
        assert all(
            row.output.split("\n")[n].startswith(f"{n + 1}. ")
            for row in rows
            for n in range(row.output.count("\n") + 1)
        )
        assert all({"source", "group", "language", "task", "domain"} <= set(row.meta) for row in rows)


def test_the_card_states_everything_and_no_paths_or_times(sample: tuple[Path, Card]) -> None:
    run_dir, card = sample
    dataset = run_dir / "dataset"
    text = (dataset / "card.md").read_text()
    assert text == card_markdown(card)
    assert read_json(dataset / "card.json") == card.to_json()
    assert card.sha256["test.jsonl"] == sha256_tree(dataset / "test.jsonl")
    assert str(RECIPES) not in "".join(file.read_text() for file in dataset.iterdir())
    assert [heading for heading in text.splitlines() if heading.startswith("#")] == [
        "# Data card",
        "## Worth a look",
        "## Funnel",
        "## Splits",
        "## Coverage",
        "## Length",
        "## Masked",
        "## Sources",
        "## Settings",
        "## SHA-256",
    ]


def test_the_documents_have_the_bytes_that_they_always_had(sample: tuple[Path, Card]) -> None:
    """Options come and go, so that the card counts up to its settings."""
    dataset = sample[0] / "dataset"
    card = (dataset / "card.md").read_text().partition("## Settings")[0]
    assert list(read_json(dataset / "card.json") or ()) == [
        *("funnel", "splits", "worth_a_look", "coverage", "lengths", "masked", "notes", "sources", "settings", "sha256")
    ]
    assert sha256_text(card) == "4669f8bb3a9d348decf9bf2950fa0bd82f376fbcbfaeef14f3e4fd91849e5238"
    assert {name: sha256_tree(dataset / name) for name in ("ledger.jsonl", "leak_certificate.json", "test.jsonl")} == {
        "ledger.jsonl": "b1004587e4a7939a9c68a3ff476d19262d61b6ed069f99cf9e7274378eacfd07",
        "leak_certificate.json": "3a24d86f19cd51abf77763ebd1ddc17288e01ca8d00be4d030334d7807aac6f1",
        "test.jsonl": "be4fdf49bfab87caeb158808d5298923fd792ee2dc90f022777a76dd9cd8a55d",
    }


def test_the_same_recipe_twice_gives_the_same_bytes(sample: tuple[Path, Card], tmp_path: Path) -> None:
    run_dir, _ = sample
    build(SAMPLE, tmp_path)
    names = sorted(file.name for file in (run_dir / "dataset").iterdir())
    assert names == [
        "card.json",
        "card.md",
        "leak_certificate.json",
        "ledger.jsonl",
        "review.jsonl",
        "test.jsonl",
        "train.jsonl",
        "validation.jsonl",
    ]
    assert all(
        (run_dir / "dataset" / name).read_bytes() == (tmp_path / "dataset" / name).read_bytes() for name in names
    )


def test_a_data_set_can_be_built_from_a_data_set(sample: tuple[Path, Card], tmp_path: Path) -> None:
    run_dir, _ = sample
    source = tmp_path / "in"
    shutil.copytree(run_dir / "dataset", source)
    for name in ("ledger.jsonl", "review.jsonl"):
        (source / name).unlink()
    build([JsonlSource(path=source)], tmp_path)
    assert all(
        next(iter_jsonl(tmp_path / "dataset" / f"{split}.jsonl"))["id"]
        in {row["id"] for row in iter_jsonl(source / f"{split}.jsonl")}
        for split in SPLITS
    )


def test_a_leak_fails_the_run_and_publishes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With lineage and similarity switched off, the check alone must stop copies from reaching two splits."""
    monkeypatch.setattr("toolkit.data.selection.split.similar_pairs", lambda grams, threshold: iter(()))
    monkeypatch.setattr("toolkit.data.selection.deduplicate.similar_pairs", lambda grams, threshold: iter(()))
    rows: list[JSON | str] = []
    for number in range(60):
        rows += [
            pair(number),
            {**pair(number), "id": f"again{number}", "prompt": pair(number)["prompt"].replace("mend", "repair")},
        ]
    with pytest.raises(DataError, match="cross two splits"):
        build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", rows))], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_an_older_attempt_is_replaced_whole(tmp_path: Path) -> None:
    source = JsonlSource(path=write_rows(tmp_path / "a.jsonl", [pair(n) for n in range(30)]))
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "old.txt").write_text("old")
    build([source], tmp_path)
    assert not (tmp_path / "dataset" / "old.txt").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "dataset"]


def test_a_failure_while_writing_keeps_the_older_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = JsonlSource(path=write_rows(tmp_path / "a.jsonl", [pair(n) for n in range(30)]))
    build([source], tmp_path)
    before = sha256_tree(tmp_path / "dataset")

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publish_module, "write_text", no_space)
    with pytest.raises(OSError, match="No space"):
        build([source], tmp_path, seed=5)
    assert sha256_tree(tmp_path / "dataset") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "dataset"]


LINES = st.one_of(
    st.integers(0, 6).map(pair),
    st.builds(lambda n: {**pair(n), "id": "same"}, st.integers(0, 6)),
    st.sampled_from(
        [
            "{",
            "[]",
            "null",
            '{"prompt": "How?", "output": "x"}',
            '{"prompt": "How?"}',
            '{"prompt": "?", "output": "1. a\\n2. b"}',
        ]
    ),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, max_size=12))
def test_every_line_is_in_the_ledger_once(tmp_path: Path, lines: list[JSON | str]) -> None:
    rows: list[JSON | str] = [pair(9), *lines]
    card = build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", rows))], tmp_path)
    entries = ledger(tmp_path)
    assert [entry["place"] for entry in entries] == [f"a.jsonl:{n}" for n in range(1, len(rows) + 1)]
    kept = [entry["id"] for entry in entries if entry["ended"] != "dropped"]
    assert sorted(kept) == sorted(
        row["id"] for split in SPLITS for row in iter_jsonl(tmp_path / "dataset" / f"{split}.jsonl")
    )
    assert card.funnel.rows_in == len(rows) == len(kept) + sum(card.funnel.dropped.values())
    assert all(entry["kept_for"] in kept for entry in entries if entry["kept_for"])


def test_warnings_tell_of_an_empty_split(tmp_path: Path) -> None:
    card = build([JsonlSource(path=write_rows(tmp_path / "a.jsonl", [pair(1), pair(2)]))], tmp_path)
    assert any("is empty" in line for line in card.worth_a_look)
    assert "- The " in (tmp_path / "dataset" / "card.md").read_text()


def test_the_default_preset_is_the_demo_until_somebody_names_other_sources() -> None:
    default, demo = ((RECIPES / "data-build" / f"{name}.yaml").read_text() for name in ("default", "demo"))
    assert default.startswith("# ")
    assert yaml.safe_load(default) == yaml.safe_load(demo)


def test_the_demo_preset_runs_as_a_recipe(tmp_path: Path) -> None:
    text = (RECIPES / "data-build" / "demo.yaml").read_text()
    (tmp_path / "config.yaml").write_text(text.replace("bundled:", f"{RECIPES}/"))
    run = subprocess.run(
        [sys.executable, RECIPES / "data-build" / "run.py", "--run-dir", tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, "")
    ended = list(iter_jsonl(tmp_path / "events.jsonl"))[-1]
    assert (ended["kind"], ended["outputs"], ended["headline"]["rows"]) == ("finished", {"dataset": "dataset"}, 316)


def test_strict_ends_with_exit_code_2(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", [pair(1), "{"])
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump({"strict": True, "sources": [{"type": "jsonl", "path": str(path)}]})
    )
    run = subprocess.run(
        [sys.executable, RECIPES / "data-build" / "run.py", "--run-dir", tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 2
    assert run.stderr.startswith(f"{path}: a.jsonl:2: not valid JSON")
