"""The questions for practice: written for it, each in a style of its own (long, clipped, polite, technical).

Were they answers of the study's systems or its references, practice would teach what one of them sounds like.
"""

from __future__ import annotations

from collections.abc import Collection

from toolkit.review.study.packets import Question
from toolkit.review.study.plan import HUMAN

_ENGLISH = (
    (
        "How do I descale a kettle?",
        "1. Half-fill it: one part vinegar, one part water.\n2. Boil. Switch off.\n3. Wait 30 min.\n4. Pour out, rinse."
        "\n5. Boil clean water once and throw it away.",
    ),
    (
        "How can I repot a house plant that has outgrown its pot?",
        "1. First of all, choose a pot that is about two fingers wider than the one it lives in now.\n"
        "2. Put a little fresh soil on the bottom, just enough to cover the holes.\n"
        "3. Turn the plant over while you hold it by the base of its stem, and let it slide out.\n"
        "4. Set it upright in the new pot and fill the space around it with soil.\n"
        "5. Give it a good drink and keep it out of the sun for a few days.",
    ),
    (
        "How do I sew a button back on?",
        "1. Please thread the needle and tie a knot at the end.\n2. Mark the place where the button was.\n"
        "3. Push the needle up through the cloth and one hole of the button, then down through the opposite hole.\n"
        "4. Repeat this five or six times.\n5. Wind the thread around the stitches under the button and tie it off.",
    ),
    (
        "How is a bicycle tyre pumped to the right pressure?",
        "1. Read the permitted pressure range (bar or psi) on the side wall.\n2. Remove the valve cap.\n"
        "3. Fit the pump head to the valve and lock its lever.\n4. Pump until the gauge shows a value in the range.\n"
        "5. Release the lever, remove the head, refit the cap.",
    ),
    (
        "how to get candle wax out of a tablecloth",
        "1. let the wax go hard, ice helps\n2. scrape off what comes off with a blunt knife\n"
        "3. lay kitchen paper under and over the stain\n4. iron it warm, not hot, the paper drinks the wax\n"
        "5. wash the cloth as usual",
    ),
    (
        "What is the way to back up the photos of a camera?",
        "1. Switch the camera off and take out its memory card.\n2. Put the card into the computer's card reader.\n"
        "3. Make a new folder on the computer, named after the date.\n4. Copy all photos from the card into it.\n"
        "5. Open some of the copies to see that they are whole.\n6. Eject the card before you pull it out.",
    ),
)
_INDONESIAN = (
    (
        "Bagaimana cara membersihkan kerak di ketel?",
        "1. Isi setengah: cuka dan air, sama banyak.\n2. Didihkan, lalu matikan.\n3. Tunggu 30 menit.\n"
        "4. Buang airnya dan bilas.\n5. Didihkan air bersih sekali, lalu buang.",
    ),
    (
        "Bagaimana saya memindahkan tanaman ke pot yang lebih besar?",
        "1. Pertama-tama, pilihlah pot yang kira-kira dua jari lebih lebar daripada pot yang lama.\n"
        "2. Taburkan sedikit tanah baru di dasar pot sampai lubangnya tertutup.\n"
        "3. Balikkan tanaman sambil memegang pangkal batangnya, dan biarkan tanaman keluar perlahan.\n"
        "4. Letakkan tanaman tegak di pot baru dan isi sekelilingnya dengan tanah.\n"
        "5. Siram sampai basah dan jauhkan dari matahari selama beberapa hari.",
    ),
    (
        "Bagaimana cara menjahit kancing yang lepas?",
        "1. Silakan masukkan benang ke jarum dan buat simpul di ujungnya.\n2. Tandai tempat kancing semula.\n"
        "3. Tusukkan jarum dari bawah melalui kain dan satu lubang kancing, lalu turun lewat lubang di seberangnya.\n"
        "4. Ulangi lima atau enam kali.\n5. Lilitkan benang di bawah kancing dan ikat dengan kuat.",
    ),
    (
        "Bagaimana ban sepeda dipompa sampai tekanan yang benar?",
        "1. Baca rentang tekanan (bar atau psi) di dinding ban.\n2. Lepaskan tutup pentil.\n"
        "3. Pasang kepala pompa pada pentil dan kunci tuasnya.\n4. Pompa sampai jarum berada dalam rentang itu.\n"
        "5. Buka tuas, lepaskan kepala pompa, pasang kembali tutupnya.",
    ),
    (
        "cara menghilangkan lilin dari taplak meja",
        "1. tunggu lilin mengeras, pakai es biar cepat\n2. kikis pelan-pelan pakai pisau tumpul\n"
        "3. taruh tisu dapur di bawah dan di atas noda\n4. setrika hangat saja, tisu menyerap lilinnya\n"
        "5. cuci taplak seperti biasa",
    ),
    (
        "Bagaimana cara mencadangkan foto dari kamera?",
        "1. Matikan kamera dan keluarkan kartu memorinya.\n2. Masukkan kartu ke pembaca kartu di komputer.\n"
        "3. Buat folder baru di komputer dan beri nama sesuai tanggal.\n4. Salin semua foto dari kartu ke folder itu.\n"
        "5. Buka beberapa salinan untuk memastikan semuanya utuh.\n6. Keluarkan kartu dengan aman sebelum dicabut.",
    ),
)


def practice_questions(language: str, taken: Collection[str]) -> list[Question]:
    """The practice questions of a language, English where there are none of it, without prompts that are `taken`."""
    written = {"id": _INDONESIAN}.get(language, _ENGLISH)
    code = "id" if written is _INDONESIAN else "en"
    return [
        Question(f"practice-{number}", prompt, {HUMAN: output}, f"practice-{number}", code)
        for number, (prompt, output) in enumerate(written, start=1)
        if prompt not in taken
    ]
