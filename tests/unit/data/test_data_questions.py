from __future__ import annotations

import pytest

from toolkit.data.words.questions import active_form, ask, english_verb


@pytest.mark.parametrize(
    ("title", "language", "question"),
    [
        ("Change the Wi-Fi password", "en", "How do I change the Wi-Fi password?"),
        ("Setting up a guest network", "en", "How do I set up a guest network?"),
        ("Setting a bedtime for a child's devices", "en", "How do I set a bedtime for a child's devices?"),
        ("Rename your Wi-Fi network", "en", "How do I rename my Wi-Fi network?"),
        ("Permanently delete a file", "en", "How do I permanently delete a file?"),
        ("How to reset the router", "en", "How do I reset the router?"),
        ("To forget a wireless connection:", "en", "How do I forget a wireless connection?"),
        ("Change which language you use", "en", "How do I change which language I use?"),
        ("3.2 Update the firmware", "", "How do I update the firmware?"),
        ("How do I track my parcel ?", "en", "How do I track my parcel?"),
        ("What is the best way to pack glass?", "en", "What is the best way to pack glass?"),
        ("Mengubah alamat pengiriman", "id", "Bagaimana cara mengubah alamat pengiriman?"),
        ("Ubah kata sandi Anda", "id", "Bagaimana cara mengubah kata sandi saya?"),
        ("Pilih atau matikan suara", "id", "Bagaimana cara memilih atau mematikan suara?"),
        ("Cara membayar tagihan", "id", "Bagaimana cara membayar tagihan?"),
        ("Untuk memilih profil daya:", "id", "Bagaimana cara memilih profil daya?"),
        ("Berbagi desktop", "id", "Bagaimana cara berbagi desktop?"),
        ("Bagaimana membatalkan pesanan:", "id", "Bagaimana cara membatalkan pesanan?"),
        ("Wie ändere ich mein Passwort?", "de", "Wie ändere ich mein Passwort?"),
        ("5.12.2. How to salvage a package", "en", "How do I salvage a package?"),
        ("Steps to enable online updates", "en", "How do I enable online updates?"),
        ("A step-by-step example showing how to recover shadows", "en", "How do I recover shadows?"),
        ("Executing a script", "en", "How do I execute a script?"),
        ("Editing or deleting index entries", "en", "How do I edit or delete index entries?"),
    ],
)
def test_a_title_that_names_a_task_becomes_a_question(title: str, language: str, question: str) -> None:
    assert ask(title, language) == question


@pytest.mark.parametrize(
    ("title", "language"),
    [
        ("What is in the box", "en"),
        ("Colours of the status light", "en"),
        ("How roaming works", "en"),
        ("Print quality", "en"),
        ("Settings", "en"),
        ("Natural scrolling", "en"),
        ("What is a MAC address?", "en"),
        ("Lock down specific settings", "id"),
        ("Media pembaca kartu", "id"),
        ("Masalah pembaca kartu", "id"),
        ("Apa itu alamat MAC?", "id"),
        ("Putting It All Together", "en"),
        ("Opening Balances", "en"),
        ("Drawing tools", "en"),
        ("Lighting a scene", "en"),
        ("Use case: a slow disk", "en"),
        ("Choose a chart for the following tasks", "en"),
        ("What support contacts are available?", "en"),
        ("Das Passwort", "de"),
        ("", "en"),
    ],
)
def test_a_topic_is_no_question(title: str, language: str) -> None:
    assert ask(title, language) is None


def test_gerunds_lead_to_their_verbs() -> None:
    gerunds = [
        "setting",
        "changing",
        "adding",
        "sharing",
        "opening",
        "freeing",
        "getting",
        "tying",
        "logging",
        "resetting",
        "visiting",
        "tapping",
    ]
    assert [english_verb(word) for word in gerunds] == [
        "set",
        "change",
        "add",
        "share",
        "open",
        "free",
        "get",
        None,
        "log",
        "reset",
        "visit",
        "tap",
    ]


def test_active_forms_follow_the_first_letter() -> None:
    stems = ["kirim", "pakai", "setel", "tutup", "ubah", "hapus", "buka", "cari", "lihat", "proses", "klik", "transfer"]
    expected = [
        "mengirim",
        "memakai",
        "menyetel",
        "menutup",
        "mengubah",
        "menghapus",
        "membuka",
        "mencari",
        "melihat",
        "memproses",
        "mengklik",
        "mentransfer",
    ]
    assert [active_form(stem) for stem in stems] == expected
