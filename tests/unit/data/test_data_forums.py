from __future__ import annotations

import json
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from tests.unit.data.data_build_case import read_rows
from toolkit.data.rows import Batch
from toolkit.errors import DataError
from toolkit.options.sources import ForumSource

OL = "<p>Do this:</p><ol><li>Open <code>nano</code>.</li><li>Press Ctrl+S.</li></ol>"
STEPS = "1. Open nano.\n2. Press Ctrl+S."
BAD = "<ol><li>Buy another.</li><li>Throw it away.</li></ol>"


def post(**attributes: str | int) -> str:
    return f"  <row {' '.join(f'{key}={quoteattr(str(value))}' for key, value in attributes.items())} />\n"


def posts(*rows: str) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?>\n<posts>\n{"".join(rows)}</posts>\n'


POSTS = posts(
    post(Id=1, PostTypeId=1, AcceptedAnswerId=3, Title="How do I save a file?", Body="<p>I cannot.</p>"),
    post(Id=2, PostTypeId=2, ParentId=1, Score=50, Body=BAD),
    post(Id=3, PostTypeId=2, ParentId=1, Score=1, Body=OL),
    post(Id=4, PostTypeId=1, Title="How to quit vim?", Body="?"),
    post(Id=5, PostTypeId=2, ParentId=4, Score=2, Body=BAD),
    post(Id=6, PostTypeId=2, ParentId=4, Score=9, Body=OL),
    post(Id=7, PostTypeId=1, Title="Why is it so?", Body="?"),
    post(Id=8, PostTypeId=2, ParentId=7, Score=9, Body=OL),
    post(Id=9, PostTypeId=1, Title="How do I open a door?", Body="?"),
    post(Id=10, PostTypeId=2, ParentId=9, Score=-3, Body=OL),
    post(Id=11, PostTypeId=1, Title="How do I close a door?", Body="?"),
    post(Id=12, PostTypeId=2, ParentId=11, Score=3, Body="Just push it."),
    post(Id=13, PostTypeId=5, Body="A tag wiki."),
)


def read(path: Path, text: str, strict: bool = False, **options: int) -> Batch:
    path.write_text(text, encoding="utf-8")
    return read_rows(ForumSource(path=path, language="en", **options), strict=strict)


def told(batch: Batch) -> list[tuple[str, str, str]]:
    return [(item.row.place, item.row.given_id, item.reason) for item in batch.dropped]


def test_posts_xml_gives_each_question_with_its_accepted_or_best_answer(tmp_path: Path) -> None:
    batch = read(tmp_path / "Posts.xml", POSTS)
    assert [(row.given_id, row.place, row.prompt, row.output, row.lineage) for row in batch.kept] == [
        ("1", "Posts.xml:3", "How do I save a file?", STEPS, ("forum:Posts.xml:1",)),
        ("4", "Posts.xml:6", "How to quit vim?", STEPS, ("forum:Posts.xml:4",)),
    ]
    assert told(batch) == [
        ("Posts.xml:9", "7", "the title names no task: 'Why is it so?'"),
        ("Posts.xml:13", "11", "no numbered steps under this title"),
        ("Posts.xml:11", "9", "no accepted answer and none with enough votes"),
    ]


def test_votes_that_are_asked_for_do_not_bind_accepted_answers(tmp_path: Path) -> None:
    batch = read(tmp_path / "Posts.xml", POSTS, min_score=10)
    assert [row.given_id for row in batch.kept] == ["1"]


def test_a_cut_dump_gives_what_stands_before_the_cut(tmp_path: Path) -> None:
    batch = read(tmp_path / "Posts.xml", POSTS[: POSTS.index('Id="7"')])
    assert [row.given_id for row in batch.kept] == ["1", "4"]
    place, _, reason = told(batch)[-1]
    assert place.startswith("Posts.xml:")
    assert reason.startswith("not well-formed XML (")
    with pytest.raises(DataError, match="not well-formed XML"):
        read(tmp_path / "Posts.xml", POSTS[: POSTS.index('Id="7"')], strict=True)


def test_an_entity_bomb_in_a_dump_does_no_harm(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    batch = read(
        tmp_path / "Posts.xml",
        f'<!DOCTYPE posts [<!ENTITY e0 "ha">{levels}]><posts><row Id="1" PostTypeId="1" Title="&e9;"/></posts>',
    )
    assert batch.kept == []
    assert [item.unreadable for item in batch.dropped][-1:] == [True]


THREADS = [
    {
        "id": 1,
        "title": "How do I save a file?",
        "answers": [{"id": 2, "body": BAD, "score": 9}, {"id": 3, "body": OL, "accepted": True}],
    },
    {
        "id": "b",
        "question": "How do I quit?",
        "accepted_answer_id": 6,
        "answers": [{"id": 5, "text": BAD}, {"id": 6, "text": "1) Open nano.\n2) Press Ctrl+S."}],
    },
    {"question": {"title": "How do I leave?"}, "answers": [{"text": BAD, "votes": 2}, {"text": OL, "votes": 3}]},
    {"id": "d", "title": "How do I go?", "answers": []},
    {"id": "e", "title": "How do I come?"},
    7,
    {"id": "f", "title": "How\ud800?", "answers": [{"text": OL}]},
    {"id": "g", "title": "How\0?", "answers": [{"text": OL}]},
]


@pytest.mark.parametrize("form", ["t.json", "t.jsonl", "o.json"])
def test_json_threads_in_each_form(tmp_path: Path, form: str) -> None:
    text = (
        "".join(f"{json.dumps(thread)}\n" for thread in THREADS)
        if form == "t.jsonl"
        else json.dumps(THREADS if form == "t.json" else {"threads": THREADS})
    )
    batch = read(tmp_path / form, text)
    assert [(row.given_id, row.prompt, row.output) for row in batch.kept] == [
        ("1", "How do I save a file?", STEPS),
        ("b", "How do I quit?", STEPS),
        ("", "How do I leave?", STEPS),
    ]
    assert told(batch) == [
        (f"{form}:4", "d", "no accepted answer and none with enough votes"),
        (f"{form}:5", "e", "a thread needs a `title` (or `question`) and a list of `answers`"),
        (f"{form}:6", "", "found a int where a JSON object was expected"),
        (f"{form}:7", "f", "the thread holds half of a surrogate pair, which is not text"),
        (f"{form}:8", "g", "NUL byte in the thread"),
    ]


def test_json_that_is_broken_or_no_list_of_threads_is_named(tmp_path: Path) -> None:
    assert told(read(tmp_path / "a.json", "[{")) == [
        ("a.json", "", "not valid JSON (Expecting property name enclosed in double quotes in line 1, column 3)")
    ]
    assert told(read(tmp_path / "a.json", "7")) == [("a.json:1", "", "found a int where a JSON object was expected")]
    (tmp_path / "a.json").write_bytes(b'["Caf\xe9"]')
    (item,) = read_rows(ForumSource(path=tmp_path / "a.json")).dropped
    assert item.reason.startswith("line 1 is not utf-8")
