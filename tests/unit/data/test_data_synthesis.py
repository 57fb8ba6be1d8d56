"""The grid, rules, quotes, decisions of people, and what is added to train."""

from __future__ import annotations

import csv
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.review_case import write_dataset
from tests.unit.data.data_build_case import pair, write_rows
from tests.unit.data.test_data_pdf import LAMP, column, pdf
from toolkit.data.cleaning.rules import broken_rule
from toolkit.data.publishing.export import export
from toolkit.data.publishing.publish import publish
from toolkit.data.reading.chunks import read_chunks
from toolkit.data.rows import SYNTHETIC, Batch, Dropped, Row, require_rows
from toolkit.data.selection.curate import apply_curation
from toolkit.data.selection.oversample import oversample
from toolkit.data.stages import Stages
from toolkit.data.teacher.grid import plan_cells
from toolkit.data.teacher.paraphrase import slots
from toolkit.data.teacher.synthesise import unsupported
from toolkit.errors import DataError
from toolkit.options.data import BalanceOptions, CurationOptions, DataBuildOptions, RuleOptions
from toolkit.options.sources import DocumentsSource, JsonlSource
from toolkit.options.teacher import DomainOptions, GridOptions, PassageOptions
from toolkit.records import JSON, iter_jsonl
from toolkit.review.curation import Curation
from toolkit.runs.recorder import Recorder

QUIET = Recorder(None)
GRID = GridOptions(
    domains=(DomainOptions(name="finance", apps=("Gojek", "DANA"), tasks=("reset the PIN",)),),
    personas=("a novice",),
    difficulties=("easy", "hard"),
)
PASSAGES = PassageOptions(min_passage_chars=20, max_passage_chars=400)


def test_the_least_covered_cells_come_first() -> None:
    known = {"domain": "finance", "app": "DANA", "task": "reset the PIN", "register": "formal", "language": "en"}
    cells = plan_cells(GRID, ("en", "id"), [Row("s", "p", meta=known)], 15, seed=1)
    counts = Counter((cell.app, cell.register, cell.language) for cell in cells)
    assert counts == {key: 1 if key == ("DANA", "formal", "en") else 2 for key in counts}
    assert len(set(cells)) == 15
    assert abs(sum(cell.difficulty == "easy" for cell in cells) - 7.5) < 2
    assert plan_cells(GRID, ("en", "id"), [], 8, 1) == plan_cells(GRID, ("en", "id"), [], 8, 1)


def test_quotes_must_stand_in_the_passage() -> None:
    passage = "Open Settings, then tap “Wi-Fi”.\nChoose your network."
    assert unsupported(["open settings then tap wi fi"], passage) == ""
    assert unsupported(["tap Bluetooth"], passage).startswith("quotes what the passage does not say")
    assert unsupported(["Open"], passage).startswith("quotes fewer than 3 words")


@pytest.mark.parametrize(
    ("prompt", "output", "language", "reason"),
    [
        ("How do I lock it?", "1. Open it.\n2. Tap Lock.", "en", ""),
        ("Reset my PIN", "1. Open it.\n2. Tap Reset.", "en", ""),
        ("The weather.", "1. Open it.\n2. Tap Lock.", "en", "the question does not ask"),
        ("How do I lock it?", "1. The moon is blue.\n2. It was nice.", "en", "the steps do not instruct"),
        ("How do I lock it?", "1. Open [insert app].\n2. Tap Lock.", "en", "a placeholder was left: '[insert app]'"),
        ("How do I call [NAME_1]?", "1. Open it.\n2. Tap [PHONE_1].", "en", ""),
        ("How do I lock it?", "1. I'm sorry, I cannot open it.\n2. Tap.", "en", "the answer refuses"),
        (
            "Bagaimana cara mengunci ponsel saya?",
            "1. Buka Pengaturan ponsel Anda.\n2. Ketuk tombol kunci layar.",
            "en",
            "the text is in another language than it says: id instead of en",
        ),
        ("Sperren.", "1. Das Telefon ist da.\n2. Sperren.", "de", ""),  # a language that the rules do not know
    ],
)
def test_rules(prompt: str, output: str, language: str, reason: str) -> None:
    row = Row("s", "p", prompt=prompt, output=output, meta={"language": language})
    assert broken_rule(row, RuleOptions()) == reason


@pytest.mark.parametrize(
    ("prompt", "output", "reason"),
    [
        ("I’m sorry, but I can’t help with that.", "1. Open it.\n2. Tap Lock.", "the question is a refusal"),
        ("As an AI language model, how do I lock it?", "1. Open it.\n2. Tap it.", "the question is a refusal"),
        ("Maaf, saya tidak dapat membantu.", "1. Buka.\n2. Ketuk.", "the question is a refusal"),
        ("I'm sorry, I forgot my PIN. How do I reset it?", "1. Open it.\n2. Tap Lock.", ""),
        ("I am unable to log in, what should I do?", "1. Open it.\n2. Tap Lock.", ""),
        ("How do I lock it?", "1. I’m sorry to hear that.\n2. Tap Lock.", "the answer refuses"),
        ("How do I lock it?", "1. Unfortunately, I do not have access to it.\n2. Tap.", "the answer refuses"),
        (
            "How do I lock it?",
            "1. Contact our support team.\n2. Wait for the reply.",
            "the answer is no answer: it sends to somebody else",
        ),
        (
            "Bagaimana cara menguncinya?",
            "1. Hubungi layanan pelanggan.\n2. Tunggu.",
            "the answer is no answer: it sends to somebody else",
        ),
        ("How do I lock it?", "1. Open it.\n2. Tap Lock.\n3. Contact support if it fails.", ""),
        ("How do I block my card?", "1. Call the hotline of the bank.\n2. Name the card.", ""),
        ("How do I pay it?", "1. Visit the website of your provider.\n2. Tap Pay.", ""),
        ("How do I contact support?", "1. Contact support by chat.\n2. Wait for a reply.", ""),
    ],
)
def test_refusals_and_answers_that_send_away_are_no_rows(prompt: str, output: str, reason: str) -> None:
    assert broken_rule(Row("s", "p", prompt=prompt, output=output), RuleOptions(rules=("refusal",))) == reason


def test_slots_of_a_question() -> None:
    assert slots('How do I send [NAME_1] 50 from "My Wallet" in Gojek Pay?') == {
        "[NAME_1]",
        "50",
        '"My Wallet"',
        "Gojek Pay",
    }


def test_passages_carry_the_lineage_of_their_section(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# Reset the router\nHold the button for ten seconds.\n```\n# no heading\n```\n## Short\nx\n"
    )
    (tmp_path / "b.html").write_text(
        "<body><nav>menu</nav><h2>Pair a phone</h2><p>Open <b>Bluetooth</b> and choose it.</p><ul><li>Tap"
        " Pair.</ul></body>"
    )
    chunks = list(read_chunks(DocumentsSource(path=tmp_path, name="docs", language="en"), PASSAGES))
    assert [(chunk.title, chunk.text) for chunk in chunks] == [
        ("Reset the router", "Hold the button for ten seconds.\n```\n# no heading\n```"),
        ("Pair a phone", "Open Bluetooth and choose it.\nTap Pair."),
    ]
    assert chunks[1].lineage == f"{tmp_path.name}/b.html#pair-a-phone"


LAMP_TEXT = """1. Open the lid of the lamp and
wait for a minute until it is cold.
2. Take out the bulb.
3. Close the lid.
The lamp lasts for ten years."""
MALLARD = """<page xmlns="http://projectmallard.org/1.0/" id="wifi"><info><title type="link">Wi-Fi</title>\
<desc>Never shown.</desc></info><title>Join a network</title>
<p>Have the <gui>password</gui> at hand.</p><steps><item><p>Open <guiseq><gui>Settings</gui><gui>Wi-Fi</gui>\
</guiseq>.</p></item></steps>
<section><title>Leave it</title><note><p>All others stay joined.</p></note></section></page>"""
DOCBOOK = """<article><title>Printer</title><section><info><title>Change the ink</title></info>\
<para>Use the <guilabel>right</guilabel> colour.</para><para>There are two:<itemizedlist><listitem><para>red</para>\
</listitem></itemizedlist>no more.</para>
<procedure><step><para>Open the lid.</para></step></procedure></section></article>"""


def test_passages_of_mallard_docbook_and_pdf_alone_and_in_archives(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "wifi.page").write_text(MALLARD)
    (docs / "printer.xml").write_text(DOCBOOK)
    (docs / ".old").mkdir()
    (docs / ".old" / "wifi.page").write_text(MALLARD)
    (docs / "broken.xml").write_text("<article><title>Cut")
    (docs / "lamp.pdf").write_bytes(
        pdf([[*column(50, 700, "Change the bulb", LAMP), (50, 560, 10, "The lamp lasts for ten years.")]])
    )
    (docs / "scanned.pdf").write_bytes(b"%PDF-1.4 cut")
    expected = [
        ("lamp.pdf#change-the-bulb", "Change the bulb", LAMP_TEXT),
        (
            "printer.xml#change-the-ink",
            "Change the ink",
            "Use the right colour.\nThere are two:\nred\nno more.\nOpen the lid.",
        ),
        ("mallard:wifi", "Join a network", "Have the password at hand.\nOpen Settings > Wi-Fi."),
        ("mallard:wifi", "Leave it", "All others stay joined."),
    ]
    found = [
        (chunk.lineage.removeprefix("docs/"), chunk.title, chunk.text)
        for chunk in read_chunks(DocumentsSource(path=docs, name="docs", language="en"), PASSAGES)
    ]
    assert found == expected
    with zipfile.ZipFile(tmp_path / "docs.zip", "w") as archive:
        for file in docs.glob("*.*"):
            archive.write(file, file.name)
    packed = [
        (chunk.lineage.removeprefix("docs.zip/"), chunk.title, chunk.text)
        for chunk in read_chunks(DocumentsSource(path=tmp_path / "docs.zip", name="docs", language="en"), PASSAGES)
    ]
    assert packed == expected


def test_a_teacher_that_wrote_nothing_usable_is_named_with_the_way_out() -> None:
    kept, dropped = [Row("docs", "a.md:1", id="1")], [Dropped(Row(SYNTHETIC, "ask"), "cut at teacher.max_tokens")]
    with pytest.raises(
        DataError, match=r"The teacher wrote no usable row: 1 asked for, none kept \(first: cut at .*synthesis\.rows=0"
    ):
        require_rows(Batch(kept, dropped))
    require_rows(Batch([*kept, Row(SYNTHETIC, "", id="2")], dropped))


def test_rare_cells_are_repeated_in_train_only_and_the_ledger_adds_up(tmp_path: Path) -> None:
    rows: list[JSON | str] = [{**pair(n), "domain": "rare" if n < 3 else "usual"} for n in range(60)]
    options = DataBuildOptions(
        sources=(JsonlSource(path=write_rows(tmp_path / "a.jsonl", rows)),),
        anonymise=(),
        rules=(),
        balance=BalanceOptions(rare_cell_rows=8, most_copies=2),
    )
    stages = Stages(tmp_path / "stages", QUIET)
    batch = stages.deduplicate(stages.clean(stages.collect(options), options), options)
    batch, split = oversample(batch, stages.split(batch, options), options.balance)
    card = publish(tmp_path / "dataset", batch, split, options, QUIET, with_pictures=True)
    for name in ("validation", "test"):
        assert all(row["meta"]["source"] == "a.jsonl" for row in iter_jsonl(tmp_path / "dataset" / f"{name}.jsonl"))
    made = [row for row in iter_jsonl(tmp_path / "dataset" / "train.jsonl") if row["meta"]["source"] == "oversample"]
    assert made
    assert all(row["meta"]["parent"] == row["id"].rsplit("/", 1)[0] for row in made)
    assert card.funnel.rows_in == 60 + len(made) == card.funnel.rows_kept
    assert card.pictures == ["coverage.svg", "lengths.svg"]
    export(tmp_path / "dataset", tmp_path / "export", ("hub", "csv", "messages"), card)
    front = yaml.safe_load((tmp_path / "export/hub/README.md").read_text().split("---\n")[1])
    assert [entry["path"] for entry in front["configs"][0]["data_files"]] == [
        "data/train.jsonl",
        "data/validation.jsonl",
        "data/test.jsonl",
    ]
    with (tmp_path / "export/csv/train.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == card.splits["train"].rows
    chat = next(iter_jsonl(tmp_path / "export/messages/train.jsonl"))
    assert [message["role"] for message in chat["messages"]] == ["user", "assistant"]


def test_decisions_of_people_flow_into_the_next_build(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "dataset")
    curation = Curation(folder, "ann")
    curation.decide(curation.items["r00"], "reject", reason="unsafe")
    curation.decide(curation.items["r01"], "edit", prompt="How do I descale it?", output="1. Fill it.\n2. Boil it.")
    curation.decide(curation.items["r02"], "accept")
    curation.decide(curation.items["twin"], "accept")
    curation.close()
    items = curation.items
    rows = [
        Row("s", "p", at, item.prompt, item.output, id=item.id)
        for at, item in enumerate(items[f"r{n:02}"] for n in range(5))
    ]
    batch, journals = Batch(rows).without_copies({}), tmp_path / "dataset.curation"
    curated = apply_curation(batch, CurationOptions(journals=journals), lambda row: row)
    assert [(item.row.id, item.reason) for item in curated.batch.dropped] == [("r00", "rejected: unsafe")]
    assert {row.id: row.prompt for row in curated.batch.kept}["r01"] == "How do I descale it?"
    assert curated.report is not None
    assert curated.report.verdicts == {"accept": 2, "edit": 1, "reject": 1}
    accepted = apply_curation(batch, CurationOptions(journals=journals, only_accepted=True), lambda row: row)
    assert [row.id for row in accepted.batch.kept] == ["r01", "r02"]
