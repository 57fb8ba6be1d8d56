"""Fills the templates next to this file with generated people, addresses and numbers, and keeps where each was put.

Every value is made: names and streets by Faker, telephone numbers within phonenumbers' own ranges (Faker's Indonesian
ones are no real forms), identity numbers by their rules.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import phonenumbers
from faker import Faker
from wordfreq import get_frequency_dict

from toolkit.data.pii.checks import is_nik, is_npwp, is_ssn, passes_luhn
from toolkit.data.pii.features import known_names, names_that_are_words, ordinary_words
from toolkit.data.pii.lexicon import BRANDS, PLACES
from toolkit.data.words.help_words import HELP_WORDS
from toolkit.data.words.word_forms import zipf

HERE = Path(__file__).parent
ORDINARY_ZIPF = 4.0  # of words that fill labels and sentences
SLOT = re.compile(r"\{(\w+)\}")
KIND_OF_SLOT = {
    "name": "name",
    "first": "name",
    "last": "name",
    "lname": "name",
    "address": "address",
    "street": "address",
    "phone": "phone",
    "email": "email",
    "card": "card",
    "iban": "iban",
    "ip": "ip",
    "nik": "nik",
    "npwp": "npwp",
    "ssn": "ssn",
    "passport": "passport",
    "handle": "handle",
}
TITLES = {"en": ("Mr", "Mrs", "Ms", "Dr", "Mr.", "Mrs.", "Ms.", "Dr.", "Miss"), "id": ("Bapak", "Ibu", "Pak", "Bu")}
WESTERN = (
    "de_DE",
    "nl_NL",
    "fr_FR",
    "es_ES",
    "it_IT",
    "pl_PL",
    "cs_CZ",
    "da_DK",
    "sv_SE",
    "no_NO",
    "fi_FI",
    "pt_BR",
    "hu_HU",
    "hr_HR",
    "sl_SI",
    "is_IS",
    "tr_TR",
    "en_IN",
    "en_NG",
)
UI = """Settings|Account|Privacy|Security|Profile|Wi-Fi|Bluetooth|Display|Sound|Storage|Battery|Notifications|General|
About|Help Center|My Orders|Payment Methods|Order History|Linked Devices|Two-Step Verification|Add Friend|
Save Changes|Log Out|Sign In|Forgot Password|Change PIN|Top Up|Transfer|Send Money|Scan QR|Date & Time|Sharing|
Power|Keyboard|Mouse & Touchpad|Privacy & Security|Apps & Notifications|Find My Device|Screen Time|Dark Mode|
Airplane Mode|Mobile Data|Personal Hotspot|Software Update|Backup and Reset|Print|Mark as Read|Page Setup|
Insert Table|Will Call|Guest Mode|Home|Rich Text|Frank|Grant Access|Drew's List|Bill Payment|Pay Bill|
Chase Offers|Max Volume|Auto Mode|Summer Sale|Grace Period|Hope Mode|Joy Cards|Faith|Rose Gold|Ivory|
Amber Alert|Pengaturan|Akun|Keamanan|Privasi|Profil|Pesanan Saya|Metode Pembayaran|Riwayat|Isi Saldo|
Tarik Tunai|Bayar|Kirim Uang|Ubah PIN|Pusat Bantuan|Simpan Perubahan|Mode Gelap|Mode Pesawat|Data Seluler|
Cadangkan|Pulihkan|Tambah Kartu|Verifikasi Wajah|Ganti Kata Sandi|Pembaruan Sistem|Perangkat Tertaut|Bintang|
Surya|Indah|Mawar|Cahaya|Putra|Dewi Mode|Langkah Berikutnya|Kirim Ulang OTP""".replace("\n", "").split("|")

_BRANDS, _PLACES = sorted(BRANDS), sorted(PLACES)


@cache
def _ordinary(language: str) -> list[str]:
    """Frequent words of how-to texts and of the language that are no names."""
    frequent = {word for word in ordinary_words() if zipf(word, (language,)) >= ORDINARY_ZIPF}
    return sorted(
        word for word in frequent | HELP_WORDS if word.isalpha() and len(word) > 3 and word not in known_names()
    )


@cache
def _ambiguous() -> list[str]:
    """Words that are names as well: they head sentences and stand on buttons more often than they name somebody."""
    return sorted(
        word for word in names_that_are_words() if word.isalpha() and len(word) > 2 and word in ordinary_words()
    )


@cache
def _rare() -> list[str]:
    """Words that are no names and too rare to count as ordinary: what names of features are made of."""
    words = (word for language in ("en", "id") for word in get_frequency_dict(language, "small"))
    return sorted(
        {
            word
            for word in words
            if word.isalpha() and len(word) > 4 and word not in ordinary_words() and word not in known_names()
        }
    )


@dataclass(frozen=True)
class Filled:
    """A text with (start, end, kind, value) of everything personal in it, in order."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


def templates(name: str) -> list[str]:
    """The lines of a template file; backslash-n in them is a line end."""
    return [
        line.replace("\\n", "\n") for line in (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines() if line
    ]


class Filler:
    """Draws values for slots. `western`: share of people who bear a name from another country of WESTERN."""

    def __init__(self, language: str, seed: int, western: float = 0.0) -> None:
        self.language, self.random, self.western = language, random.Random(seed), western
        self._fakers = [Faker("id_ID")] if language == "id" else [Faker("en_US"), Faker("en_GB")]
        self._abroad = [Faker(locale) for locale in WESTERN] if western else []
        self._german = Faker("de_DE")  # Indonesia has no IBAN
        for number, faker in enumerate((*self._fakers, *self._abroad, self._german)):
            faker.seed_instance(seed + number)

    def fill(self, template: str) -> Filled:
        parts: list[str] = []
        spans: list[tuple[int, int, str]] = []
        at = 0
        for slot in SLOT.finditer(template):
            parts.append(template[at : slot.start()])
            value = self.value(slot.group(1))
            start = sum(map(len, parts))
            parts.append(value)
            if kind := KIND_OF_SLOT.get(slot.group(1)):
                spans.append((start, start + len(value), kind))
            at = slot.end()
        parts.append(template[at:])
        return Filled("".join(parts), tuple(spans))

    def value(self, slot: str) -> str:
        makers: dict[str, Callable[[], str]] = {
            "name": self._name,
            "first": lambda: self._faker().first_name(),
            "last": lambda: self._faker().last_name(),
            "lname": lambda: self._name().lower(),
            "title": lambda: self.random.choice(TITLES[self.language]),
            "address": self._address,
            "street": self._street,
            "city": self._city,
            "phone": self._phone,
            "email": lambda: self._faker().email(),
            "card": self._card,
            "iban": lambda: (self._fakers[-1] if self.language == "en" else self._german).iban(),
            "ip": self._ip,
            "nik": self._nik,
            "npwp": self._npwp,
            "ssn": self._ssn,
            "passport": self._passport,
            "handle": self._handle,
            "brand": lambda: self._written(self.random.choice(_BRANDS)),
            "place": lambda: self.random.choice(_PLACES).title(),
            "ui": self._label,
            "n": lambda: str(self.random.randint(1, 99)),
            "product": self._product,
            "word": lambda: self.random.choice(_ordinary(self.language)),
            "start": lambda: self._plain_word().capitalize(),
            "code": self._code,
            "cell": lambda: f"{self.random.choice('ABCDEFGHK')}{self.random.randint(1, 40)}",
        }
        return makers[slot]()

    def _faker(self) -> Faker:
        return (
            self.random.choice(self._abroad)
            if self.random.random() < self.western
            else self.random.choice(self._fakers)
        )

    def _name(self) -> str:
        faker = self._faker()
        first, last = faker.first_name(), faker.last_name()
        if self.language == "id" and self.random.random() < 0.4:
            return (
                f"{first} {faker.first_name()} {last}"
                if self.random.random() < 0.4
                else f"{first} {faker.first_name()}"
            )
        draw = self.random.random()
        if draw < 0.08:
            return f"{first} {self.random.choice('ABCDEFGHJKLMNPRSTW')}. {last}"
        return f"{last}, {first}" if draw < 0.1 else f"{first} {last}"

    def _street(self) -> str:
        faker = self._faker()
        if self.language == "id" and faker in self._fakers:
            kind = self.random.choice(("Jl.", "Jalan", "Jln.", "Gang", "Gg."))
            name = (
                faker.street_name()
                if self.random.random() < 0.5
                else (
                    f"{faker.last_name()}"
                    f" {self.random.choice(('Raya', 'Barat', 'Timur', 'Utara', 'Selatan', 'Indah', ''))}".strip()
                )
            )
            name = re.sub(r"^(Jl\.|Jalan|Gg\.|Gang)\s*", "", name)
            number = self.random.choice(
                ("No. {n}", "No.{n}", "{n}", "Nomor {n}", "Blok {b}{m} No. {n}", "No. {n}A")
            ).format(n=self.random.randint(1, 200), m=self.random.randint(1, 20), b=self.random.choice("ABCDEFG"))
            return f"{kind} {name} {number}"
        street = faker.street_address().replace("\n", ", ")
        return re.sub(r"^[^,]*?(\d.*)", r"\1", street) if self.random.random() < 0.3 else street

    def _city(self) -> str:
        return str(self._faker().city())

    def _address(self) -> str:
        faker = self._faker()
        if self.language == "id" and faker in self._fakers:
            rt = (
                f", RT {self.random.randint(1, 12):02}/RW {self.random.randint(1, 12):02}"
                if self.random.random() < 0.4
                else ""
            )
            return (
                f"{self._street()}{rt}, {faker.city()}{self.random.choice((', ', ' '))}{faker.postcode()}"
                if self.random.random() < 0.7
                else f"{self._street()}{rt}, {faker.city()}"
            )
        text = str(faker.address())
        return text if self.random.random() < 0.25 else text.replace("\n", ", ")

    def _phone(self) -> str:
        region = "ID" if self.language == "id" else self.random.choice(("US", "GB"))
        kind = (
            phonenumbers.PhoneNumberType.MOBILE
            if self.random.random() < 0.6
            else phonenumbers.PhoneNumberType.FIXED_LINE
        )
        example = phonenumbers.example_number_for_type(region, kind)
        assert example is not None, region
        while True:
            digits = str(example.national_number)
            number = phonenumbers.PhoneNumber(
                example.country_code, int(digits[:3] + "".join(self.random.choice("0123456789") for _ in digits[3:]))
            )
            if phonenumbers.is_valid_number(number):
                form = self.random.choice(
                    (
                        phonenumbers.PhoneNumberFormat.INTERNATIONAL,
                        phonenumbers.PhoneNumberFormat.NATIONAL,
                        phonenumbers.PhoneNumberFormat.E164,
                    )
                )
                return str(phonenumbers.format_number(number, form))

    def _digits(self, count: int) -> str:
        return "".join(self.random.choice("0123456789") for _ in range(count))

    def _card(self) -> str:
        body = self.random.choice(("4", "51", "53", "55", "2221", "6011", "37", "35"))
        body += self._digits((14 if body == "37" else 15) - len(body))
        number = next(body + last for last in "0123456789" if passes_luhn(body + last))
        return (
            re.sub(r"(\d{4})(?=\d)", rf"\1{self.random.choice(' -')}", number)
            if self.random.random() < 0.5 and len(number) == 16
            else number
        )

    def _ip(self) -> str:
        return (
            str(self._fakers[0].ipv4_public())
            if self.random.random() < 0.8
            else f"2a02:{self.random.randint(1, 9999)}:{self.random.randint(1, 9999)}::{self.random.randint(1, 99)}"
        )

    def _nik(self) -> str:
        while True:
            day = self.random.randint(1, 28) + self.random.choice((0, 40))
            place = f"{self.random.choice((11, 31, 32, 33, 34, 35, 51, 73))}{self.random.randint(1, 79):02}"
            district = f"{self.random.randint(1, 30):02}"
            birth = f"{day:02}{self.random.randint(1, 12):02}{self._digits(2)}"
            number = f"{place}{district}{birth}{self._digits(4)}"
            if is_nik(number):
                return number

    def _npwp(self) -> str:
        while True:
            n = self._digits(15)
            if is_npwp(n):
                return f"{n[:2]}.{n[2:5]}.{n[5:8]}.{n[8]}-{n[9:12]}.{n[12:]}" if self.random.random() < 0.7 else n

    def _ssn(self) -> str:
        while True:
            n = self._digits(9)
            if is_ssn(n):
                return f"{n[:3]}-{n[3:5]}-{n[5:]}"

    def _passport(self) -> str:
        return (
            self.random.choice(("A", "B", "C", "X")) + self._digits(7)
            if self.language == "id" or self.random.random() < 0.5
            else self._digits(9)
        )

    def _handle(self) -> str:
        return f"@{self._faker().first_name().lower()}_{self.random.randint(1, 99)}".replace(" ", "")

    def _written(self, brand: str) -> str:
        return brand if self.random.random() < 0.15 else brand.upper() if len(brand) < 4 else brand.capitalize()

    def _label(self) -> str:
        """A label of an interface: from the list, or any words with capitals."""
        if self.random.random() < 0.4:
            return self.random.choice(UI)
        return " ".join(self._plain_word() for _ in range(self.random.randint(1, 3))).title()

    def _plain_word(self) -> str:
        """A word of no name: an ordinary one, one that is a name elsewhere, or a rare one."""
        draw = self.random.random()
        return self.random.choice(_ordinary(self.language) if draw < 0.5 else _ambiguous() if draw < 0.7 else _rare())

    def _code(self) -> str:
        """The name of a function in a program: DateSerial."""
        return "".join(self.random.choice(_ordinary("en")).capitalize() for _ in range(self.random.randint(2, 3)))

    def _product(self) -> str:
        """A made-up name of a product: nothing in it is on a list."""
        syllables = (
            "lar",
            "ven",
            "ko",
            "mi",
            "tra",
            "zon",
            "pel",
            "qua",
            "ris",
            "dex",
            "nor",
            "bu",
            "sha",
            "lim",
            "ga",
            "to",
        )
        word = "".join(self.random.choice(syllables) for _ in range(self.random.randint(2, 3))).capitalize()
        return self.random.choice(
            (
                word,
                f"{word} {self.random.randint(2, 900)}",
                f"{word} {self.random.choice(('Pro', 'Air', 'Mini', 'R2', 'Go', 'Hub', 'Plus'))}",
                f"{word} {self.random.choice(('router', 'app', 'lamp', 'printer', 'speaker'))}",
            )
        )
