from __future__ import annotations

import pytest

from tests.unit.data.question_answer_pages import NAMED, OL, PAGES, QUESTION, STEPS, answer, json_ld
from toolkit.data.pages.html_pages import read_html


@pytest.mark.parametrize("form", PAGES)
def test_the_question_is_found_in_each_form_with_its_steps_and_labels(form: str) -> None:
    found = [
        (section.title, [[step.rstrip(".") for step in steps.steps] for steps in section.lists])
        for section in read_html(PAGES[form], "en")
        if section.lists
    ]
    assert found == [(QUESTION, [[step.rstrip(".") for step in STEPS]])]


def test_what_a_page_describes_and_shows_counts_once() -> None:
    described = json_ld(
        {
            "@type": "FAQPage",
            "mainEntity": [
                {**NAMED, "acceptedAnswer": answer("See below.")},
                {"@type": "Question", "name": "How do I leave?", "acceptedAnswer": answer(OL)},
            ],
        }
    )
    page = f"{described}<h2>{QUESTION}</h2>{OL}<h2>How do I leave?</h2>{OL}"
    assert [(section.title, len(section.lists)) for section in read_html(page)] == [
        ("How do I leave?", 1),
        ("Help", 0),
        (QUESTION, 1),
    ]


def test_broken_or_bottomless_json_ld_leaves_the_page_itself() -> None:
    for data in ("{", "[" * 100_000, '{"@type": "Question"}', '{"@type": "HowTo", "name": {}, "step": 7}', "null"):
        page = f'<script type="application/ld+json">{data}</script><h2>{QUESTION}</h2>{OL}'
        assert [section.title for section in read_html(page)] == [QUESTION]


def test_bullets_that_list_things_are_no_steps() -> None:
    page = (
        f"<h2>{QUESTION}</h2><ul><li>A phone</li><li>Open networks</li></ul><h2>Status lights</h2><ul><li>Open it"
        " now.</li><li>Close it now.</li></ul>"
    )
    assert [section.lists for section in read_html(page)] == [[], []]


def test_sub_steps_notes_and_pictures_stay_in_their_step() -> None:
    page = """<h2>Change the lamp</h2><ol><li>Open <a href=x>the box</a>:<ul><li>Lift the lid</li>\
<li>Take it off</li></ul></li>
        <li><p>Tap <img src=x alt="Menu"></p><div class=note><p>It may be <em>dark</em></p></div></li>\
<li>Press <kbd>Ctrl</kbd>+<kbd>S</kbd>.</li></ol>"""
    (section,) = read_html(page)
    assert section.lists[0].steps == [
        "Open the box: lift the lid; take it off.",
        "Tap Menu. It may be dark",
        "Press Ctrl+S.",
    ]


def test_a_post_with_a_class_of_a_million_letters_is_read_in_no_time() -> None:
    page = f'<h1>{QUESTION}</h1><div class="{"answer" * 200_000}"><p>Text.</p></div>'
    assert [section.title for section in read_html(page)] == [QUESTION]
