"""What is masked once in a row is masked everywhere in it, and whole."""

from __future__ import annotations

import pytest

from toolkit.data.cleaning.anonymise import anonymise_row, mask_together
from toolkit.data.rows import Row
from toolkit.options.data import MaskingOptions


def masked(prompt: str, output: str = "", **more: object) -> Row:
    row = Row("s", "f:1", prompt=prompt, output=output, language="en", **more)  # type: ignore[arg-type]
    return anonymise_row(row, MaskingOptions())


@pytest.mark.parametrize(
    ("prompt", "output", "expected"),
    [
        (
            "My name is Ngozi Walker, how do I log in?",
            "1. Enter ngozi walker.\n2. Press Ngozi.",
            ("My name is [NAME_1], how do I log in?", "1. Enter [NAME_1].\n2. Press [NAME_1]."),
        ),
        (
            "My bank account number is 4455667788, is it closed?",
            "1. Search for 4455 6677 88.\n2. Close 44-5566-7788.",
            (
                "My bank account number is [ACCOUNT_1], is it closed?",
                "1. Search for [ACCOUNT_1].\n2. Close [ACCOUNT_1].",
            ),
        ),
        (
            "My passport X1234567 is lost.",
            "1. Write x1234567 into the form.",
            ("My passport [PASSPORT_1] is lost.", "1. Write [PASSPORT_1] into the form."),
        ),
        (
            "My account is @rina_88.",
            "1. Search for Rina_88.\n2. Tap @rina_88.",
            ("My account is [HANDLE_1].", "1. Search for [HANDLE_1].\n2. Tap [HANDLE_1]."),
        ),
        (
            "Call +62 812 3456 7890.",
            "1. Enter 081234567890.\n2. Or 62 812 3456 7890.",
            ("Call [PHONE_1].", "1. Enter [PHONE_1].\n2. Or [PHONE_1]."),
        ),
    ],
)
def test_a_key_is_masked_in_question_and_answer(prompt: str, output: str, expected: tuple[str, str]) -> None:
    row = masked(prompt, output)
    assert (row.prompt, row.output) == expected


def test_one_person_has_one_number_whichever_way_the_name_is_written() -> None:
    row = masked("Dear Susan, how do I leave?", "1. Ask Susan Walker.\n2. Ask Kevin Susanto.")
    assert row.prompt == "Dear [NAME_1], how do I leave?"
    assert row.output == "1. Ask [NAME_1].\n2. Ask [NAME_2]."


def test_an_ordinary_word_of_a_name_stays_where_it_is_a_word() -> None:
    row = masked("My name is Susan Walker.", "1. Take the walker to the shop.\n2. Walker sizes differ.")
    assert row.output == "1. Take the walker to the shop.\n2. Walker sizes differ."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Please ask Fatma El-Sayed for it.", "Please ask [NAME_1] for it."),
        ("The order belongs to Tran Quoc Bao now.", "The order belongs to [NAME_1] now."),
        ("Kind regards,\nFunmilayo Balogun", "Kind regards,\n[NAME_1]"),
        ("I am Maria de Souza and wait.", "I am [NAME_1] and wait."),
        ("Salam,\nSong Adeyemi", "Salam,\n[NAME_1]"),
        ("Nkemdilim Eze signed the form.", "[NAME_1] signed the form."),
        ("The lock was set by Emre An.", "The lock was set by [NAME_1]."),
        ("1. Unmute Kevin Walker.", "1. Unmute [NAME_1]."),
        ("1. Refriend Kevin Walker.", "1. Refriend [NAME_1]."),
        ("Unmute Kevin Walker.", "Unmute [NAME_1]."),
        ("Whitelist Susan Walker.", "Whitelist [NAME_1]."),
        ("Gulshan Carvalho signed the form.", "[NAME_1] signed the form."),
        ("Salam,\nGörkem Yıldız", "Salam,\n[NAME_1]"),
        ("Nudge Susan Walker.", "Nudge [NAME_1]."),
        ("Payee: Susan Walker has to sign.", "Payee: [NAME_1] has to sign."),
        ("Buy the Inflation-Linked Bond.", "Buy the Inflation-Linked Bond."),
        ("Use the Extensible Stylesheet here.", "Use the Extensible Stylesheet here."),
        ("Hubungi Damilare Okeowo ya.", "Hubungi [NAME_1] ya."),
        ("Hadiah itu untuk Yoo Seo-yul.", "Hadiah itu untuk [NAME_1]."),
        ("Show Field Shadings in the view.", "Show Field Shadings in the view."),
    ],
)
def test_a_name_is_masked_whole(text: str, expected: str) -> None:
    assert masked(text).prompt == expected


def test_what_is_published_with_a_row_is_masked_as_well() -> None:
    row = masked(
        "How do I call Ngozi Walker?",
        "1. Dial.\n2. Wait.",
        meta={"task": "Call Ngozi Walker", "domain": "phones"},
        lineage=("manual.md#call-ngozi-walker",),
    )
    assert row.meta == {"task": "Call [NAME_1]", "domain": "phones"}
    assert row.lineage[0].startswith("section-")
    assert row.lineage[1:] == ("manual.md#call-ngozi-walker",)


def test_a_passage_and_its_title_share_their_placeholders() -> None:
    texts = ("Ask Ngozi Walker", "Write to nw@mail.org or ring ngozi walker.")
    assert mask_together(texts, MaskingOptions(), "en") == [
        "Ask [NAME_1]",
        "Write to [EMAIL_1] or ring [NAME_1].",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "See section 4.2.1 and appendix B.3.2.",
        "Order no. 20931-448 has been shipped.",
        "The serial number 5CD 1234 8891 is on the back.",
        "Booking reference: 7720 4419",
        "Meter number 4411 2093 871 reads 20931.",
        "Invoice 2026-004417 is due.",
        "Clone git@github.com:team/project.git now.",
        "Copy it with scp deploy@host.example.com:/srv/app.tar . and wait.",
        "Update from version 10.14.6 to 11.0.1.2.",
        "The bus leaves at 07:45:30, the train at 19.30.",
        "Nomor resi JNE 1Z 999 AA1 01 2345 6784",
        "Pesanan no. 20931-448 sudah dikirim.",
    ],
)
def test_numbers_that_count_something_else_stay(text: str) -> None:
    assert masked(text).prompt == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("For order questions call 0812-3456-7890.", "For order questions call [PHONE_1]."),
        ("Nomor HP: 0812-3456-7890", "Nomor HP: [PHONE_1]"),
        ("Order with +44 20 7946 0123.", "Order with [PHONE_1]."),
        ("Write to git@host.org: they answer.", "Write to [EMAIL_1]: they answer."),
    ],
)
def test_a_number_to_call_is_masked_all_the_same(text: str, expected: str) -> None:
    assert masked(text).prompt == expected
