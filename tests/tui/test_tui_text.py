"""Cleaning and fitting of text: nothing that drives a terminal gets through, and widths are what they should be."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.tui.hostile import HOSTILE
from toolkit.terminal.layout import cut, cut_start, fit, fit_right, wrap
from toolkit.terminal.numbers import age, duration, file_size, number
from toolkit.terminal.text import clean, clean_log_line, clean_text
from tui.ascii import to_ascii, wants_ascii


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_text_keeps_a_control(text: str) -> None:
    assert_harmless(clean(text))
    assert_harmless(clean_text(text).replace("\n", ""))
    assert_harmless(clean_log_line(text.encode("utf-8", "surrogatepass")))


@given(st.text())
def test_no_text_keeps_a_control(text: str) -> None:
    assert_harmless(clean(text))


@given(st.binary(max_size=300))
def test_no_log_line_keeps_a_control(raw: bytes) -> None:
    assert_harmless(clean_log_line(raw))


def assert_harmless(text: str) -> None:
    assert not [character for character in text if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")]
    assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def test_ordinary_text_stays_as_it_is() -> None:
    assert clean("Langkah 1: buka “Setelan” – naïve 漢字 👍") == "Langkah 1: buka “Setelan” – naïve 漢字 👍"


def test_colours_vanish_and_other_sequences_are_shown_as_one_mark() -> None:
    assert clean("\x1b[31mred\x1b[0m and \x1b]0;title\x07end") == "red and \ufffdend"


def test_of_a_progress_bar_the_last_state_is_shown() -> None:
    assert clean_log_line(b" 10%|#   |\r 50%|##  |\r100%|####|\r") == "100%|####|"


@given(st.text(alphabet=st.characters(blacklist_categories=["Cc", "Cs", "Mn", "Me", "Cf"])), st.integers(0, 40))
def test_fitted_text_has_its_width(text: str, width: int) -> None:
    text = clean(text)
    assert cell_len(fit(text, width)) == width
    assert cell_len(fit_right(text, width)) == width or cell_len(text) > width
    assert cell_len(cut(text, width)) <= width
    assert cell_len(cut_start(text, width)) <= width


@given(st.text(alphabet="abc de漢\n", max_size=80), st.integers(2, 20))
def test_wrapping_loses_no_letter_and_keeps_to_the_width(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace("\n", "").replace(" ", "")


def test_cutting_shows_where_something_is_missing() -> None:
    assert (cut("checkpoint", 6), cut_start("checkpoint", 6), fit("ab", 4)) == ("check…", "…point", "ab  ")


def test_numbers_as_people_read_them() -> None:
    shown = [number(value) for value in (1.23456, 2e-4, 120, 1.5e9, float("nan"), float("inf"), None, "x", True, 0.0)]
    assert shown == ["1.235", "0.0002", "120", "1.5e9", "nan", "inf", "-", "-", "-", "0"]


def test_times_and_sizes_as_people_read_them() -> None:
    assert [duration(value) for value in (None, 5, 75, 3700, 200_000, -3)] == [
        "-",
        "5 s",
        "1:15",
        "1:01:40",
        "2 d 7 h",
        "0 s",
    ]
    assert [age(value) for value in (-50, 5, 130, 7200, 90_000, None)] == ["now", "now", "2 min", "2 h", "1 d", "-"]
    assert [file_size(value) for value in (0, 999, 1500, 2_000_000, 3_000_000_000)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "2.0 MB",
        "3.0 GB",
    ]


@given(st.text())
def test_ascii_stand_ins_keep_the_width(text: str) -> None:
    shown = to_ascii(clean(text))
    assert shown.isascii()
    assert len(shown) == cell_len(clean(text))


def test_ascii_is_chosen_by_the_locale() -> None:
    assert [
        wants_ascii({}, encoding) for encoding in ("UTF-8", "utf8", "ISO-8859-1", "ANSI_X3.4-1968", "nonsense")
    ] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert wants_ascii({"STEPTUNE_ASCII": "1"}, "UTF-8")
    assert not wants_ascii({"STEPTUNE_ASCII": "0", "LANG": "C"}, "UTF-8")


@pytest.mark.parametrize(
    ("environment", "is_ascii"),
    [
        ({"LANG": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),  # as Python leaves it
        ({"LANG": "POSIX"}, True),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, True),
        ({"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, False),
        ({}, False),
        ({"TERM": "vt100", "LANG": "en_US.UTF-8"}, True),
        ({"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}, False),
    ],
)
def test_ascii_is_chosen_by_what_the_user_set_not_by_what_python_made_of_it(
    environment: dict[str, str], is_ascii: bool
) -> None:
    assert wants_ascii(environment, "UTF-8") is is_ascii
