"""Repairing typing errors, so carefully that it harms nothing: only words that cannot be meant, only one letter away from one that can.

A word is looked at if it is written in small letters, has five or more, and no language of the recipe knows it: not as a word (wordfreq's
lists, CC BY-SA 4.0), not as a form or compound of words, not as the name of an app, a place, a person or a thing on a screen. It
is changed if exactly one likely word is one insertion, deletion, change or swap away, the first letter kept.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from wordfreq import available_languages, get_frequency_dict

from toolkit.data.pii.features import known_names
from toolkit.data.pii.lexicon import ADDRESS_CUES, NEVER_PERSONAL
from toolkit.data.task_words import ENGLISH_VERBS, INDONESIAN_FORMS, INDONESIAN_IMPERATIVES, INDONESIAN_PLAIN_VERBS, words

WORD = re.compile(r"(?<![\w'’@./:\\-])[^\W\d_]+(?![\w'’@:\\/-])(?!\.\w)")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LEAST_LETTERS = 5
# On the Zipf scale (logarithm of occurrences in a thousand million words).
KNOWN_FROM = 3.0  # rarer words may be typing errors themselves: the lists come from the web
MEANT_FROM = 2.9  # least frequency of the word that was meant
PART_FROM = {"en": 3.7, "id": 3.0}  # least frequency of the word in a form, and of both words of a compound
BEFORE_THE_ERROR = 1.7  # by how much the word meant must be more frequent than the error
BEFORE_THE_NEXT = 0.3  # and than the next word that could be meant
NEVER_TOUCHED = NEVER_PERSONAL | ADDRESS_CUES | ENGLISH_VERBS | INDONESIAN_IMPERATIVES | INDONESIAN_PLAIN_VERBS | frozenset(INDONESIAN_FORMS.values())
COMPOUND_FROM = 4.5
EASY_ERROR = 0.8
HELP_BONUS = 0.8  # words of how-to texts are this much likelier there than elsewhere
MOST_CHANGED = 0.1
IN_ROWS = 2  # rows from which a word that no list knows is taken for a term of this data set
# Technical words of manuals that general lists have too seldom.
TECHNICAL = words("""
    applet autofill autoplay backend bitrate bookmarklet captcha checkbox clipart cmyk codec codecs config cursor cutoff datasheet defrag
    dialog dialup dongle dpi ebook ethernet favicon firewall firmware fontwork formatter gamepad gamut gesture greyscale halftone hashtag
    hibernate hotkey hotspot icc inbox infrared inkjet interline intranet jpeg kerning keybinding keygen keylogger keypad keyring lanyard
    letterhead linefeed localhost lockscreen login logout macros mailto malware metadata midtone mnemonic modem monospace multicast
    multitask namespace newline offline online onscreen opentype overclock overscan palettes paperclip passcode passkey passphrase pathname
    pixelate popup postscript preset printhead pushpin quicklaunch ransomware readme reboot rebind refresh router rootkit scanline
    screencast screensaver scrollbar segmented serif sidebar slideshow smartphone spellcheck spoiler spoofing spyware stylus subfolder
    submenu subnet subpixel subtitle superscript subscript symlink syntax tablet taskbar templating thumbnail timecode timeout timestamp
    titlebar toggle toggles tooltip tooltips touchpad touchscreen trackball trackpad tethering truetype typeface unicode unpair untick
    username utilities vcard viewport voicemail wallpaper webcam webpage widget wildcard workgroup workspace zoomable gawai peramban pindai
    pratinjau sandi surel swafoto tautan tetikus unduhan unggahan aplikasi basisdata berkas cakram cetak dasbor daring digit diska dokumen
    folder fon galat gulir kelipan kendali ketuk klik konfigurasi kursor langganan layar luring mesin nirkabel nonaktif otentikasi papan
    partisi pemindai pencetak pengaturan penyuntingan peladen piksel gasal tambat taut sisip wisaya invers hirarki sakelar porta resolusi
    rona sandiwara saturasi setelan tab tampilan tilas token tombol ubahan verifikasi warganet
""")

# What how-to texts are made of.
HELP_WORDS = (
    TECHNICAL
    | ENGLISH_VERBS
    | INDONESIAN_IMPERATIVES
    | frozenset(INDONESIAN_FORMS.values())
    | words("""
    about account accounts address again amount application applications appears available balance bank banking battery before below between
    bottom browser button buttons camera cannot card cards changes chat checked click clicking code codes column company complete computer
    confirmation connected connection contact contacts content corner courier currently customer customers data date default delivery
    desktop details device devices different display document documents double driver during email enabled enough error every example file
    files filter final first flight folders following font format found function group groups header history home hotel icon icons image
    images immediately information insert instead internet into invoice items keyboard language laptop larger later layout length letter
    level lights limit line list lists location lower machine main many menu menus message messages method minute minutes mobile mode money
    monitor month more mouse moved name names needed network networks never next nothing notification notifications number numbers object
    offer older once only opened opening option options order orders other outside page pages paper parcel part passenger password payment
    payments people percent permission personal phone photo photos picture picker plan playing please plug point pointer power pressing
    previous printer printers private problem product products profile program programs project properties provider public question reason
    receipt receipts recipient record recently region remote removed repeat required response result results return right room safe same
    saved saving screen screens seconds section security selected selector sent service services session settings several shared sharing
    shipping shop shortcut shortcuts should show shown similar simple single site size small social software something sound space special
    started status step steps stopped storage store stored style subject such supported sure switch system systems table tabs tapping team
    technical temporary text than that their then there these thing this ticket tickets time times title toolbar total touch travel trip
    turned typing under until updated user users using value verification version video view volume wallet want warning website when where
    which while whole wide window windows wireless with within without word work would write wrong your adalah akan aktif akun alamat anda
    angka aplikasi atas atau atur awal bagian bagikan bahasa baik baris baru batas batalkan bawah beberapa belum berapa berada berbagai
    berbeda berhasil berikut berikutnya berkas biaya biasanya bisa buku cara catatan cepat contoh daftar dalam dapat dari dengan detail
    diatur dibuat digunakan dikirim dipakai dipilih ditampilkan dokumen dompet faktur foto gambar ganda garis hanya harga hari harus hilang
    hitam huruf informasi ingin jalan jaringan jendela jenis jika jumlah kabel kali kamera kanan kantor kartu kasus kata keamanan kecil
    kembali kemudian kepala keterangan ketika ketik kiri kode kolom komputer koneksi konfirmasi kontak kosong kotak kurir kurang lagi lain
    lainnya lama langkah langsung layanan layar lebih lembar lengkap lewat lokasi luar maka masalah masih masuk mata melalui melihat memakai
    membuat membuka memilih menambah menekan mengatur mengetik mengganti menggunakan menghapus mengirim mengubah menit mematikan merah mesin
    metode misalnya muncul mungkin nama namun nilai nomor objek oleh otomatis paket paling panduan papan pastikan pelanggan pembayaran
    pemberitahuan pencarian penerbangan pengaturan pengguna pengiriman penjual penting perangkat pertama perlu perusahaan pesan pesanan
    petunjuk pilihan posisi produk profil proses rekening ringkasan rumah saat saja saldo salah salinan sama sampai sandi sebagai sebelah
    sebelum sebuah sedang sekarang selama selesai seluruh semua seperti sesuai setelah setiap sistem situs suara sudah surat tabel tampil
    tampilan tanda tanggal tanpa tautan teks telah telepon tempat tengah tentang terakhir terlalu tersedia tersebut tertentu tidak tiket
    tingkat toko tombol ukuran umum unduhan untuk urutan utama versi waktu warna yang
""")
)

NEAR_LANGUAGES = {"id": ("ms",), "ms": ("id",)}  # they share most of their words, and the lists are small
ENGLISH_PREFIXES = ("re", "un", "de", "pre", "non", "sub", "mis", "over", "out", "dis", "multi", "auto", "up", "down")
ENGLISH_ENDINGS = ("s", "es", "ed", "ing", "er", "ers", "or", "ors", "able", "ible", "ly", "ness", "ful", "less", "ment", "ments", "ation", "ations", "ity")  # fmt: skip
# Prefix: the letters that may follow it, and those that it may have taken from the root.
INDONESIAN_PREFIXES = {
    "meng": ("aeioughk", "k"), "meny": ("aeiou", "s"), "mem": ("bfpv", "p"), "men": ("cdjtzs", "t"), "me": ("lmnrwy", ""), "peng": ("aeioughk", "k"), "peny": ("aeiou", "s"),
    "pem": ("bfpv", "p"), "pen": ("cdjtzs", "t"), "pe": ("lmnrwytkd", ""), "per": ("", ""), "ber": ("", ""), "ter": ("", ""), "di": ("", ""), "ke": ("", ""), "se": ("", ""), "non": ("", "")
}  # fmt: skip
INDONESIAN_ENDINGS = ("nya", "lah", "kah", "pun", "kan", "an", "i", "ku", "mu", "mulah", "kanlah")


def repair_typos(text: str, languages: tuple[str, ...], terms: frozenset[str] = frozenset()) -> tuple[str, int]:
    """The text with typing errors repaired, and how many were; `terms` stay. A language without a word list repairs nothing.

    A text of which more than a tenth would change is in another language, and stays as it is.
    """
    words = changed = 0

    def meant(match: re.Match[str]) -> str:
        nonlocal words, changed
        word = match.group()
        words += 1
        if not _is_looked_at(word) or word in terms or (repaired := repair_of(word, languages)) is None:
            return word
        changed += 1
        return repaired

    result = WORD.sub(meant, text)
    return (result, changed) if changed <= max(2, MOST_CHANGED * words) else (text, 0)


class Terms:
    """Words that no list knows and that several rows use all the same: terms of this data set, not typing errors."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        self._languages = languages
        self._rows: Counter[str] = Counter()

    def see(self, text: str) -> None:
        """Count a row's words once each."""
        self._rows.update({word for word in WORD.findall(text) if _is_looked_at(word) and repair_of(word, self._languages)})

    def found(self) -> frozenset[str]:
        return frozenset(word for word, rows in self._rows.items() if rows >= IN_ROWS)


def _is_looked_at(word: str) -> bool:
    return len(word) >= LEAST_LETTERS and word.islower()


@lru_cache(maxsize=200_000)
def repair_of(word: str, languages: tuple[str, ...]) -> str | None:
    """The word that was meant, or None if this one may be right or the choice is not clear."""
    if word in NEVER_TOUCHED or word in TECHNICAL or word in known_names() or any(_is_known(word, language) for language in languages):
        return None
    meant = _meant(languages)
    ways = {other: way for other, way in _one_edit_away(word) if other in meant}
    if not ways or max(meant[other] for other in ways) < _zipf(word, languages) + BEFORE_THE_ERROR:
        return None
    likely = sorted(((meant[other] + (HELP_BONUS if other in HELP_WORDS else 0) + way, other) for other, way in ways.items()), reverse=True)
    return likely[0][1] if len(likely) == 1 or likely[0][0] >= likely[1][0] + BEFORE_THE_NEXT else None


@cache
def _meant(languages: tuple[str, ...]) -> dict[str, float]:
    """Zipf frequency of the words that can be meant."""
    least = 10 ** (MEANT_FROM - 9)
    words = {word for language in languages for word, share in _frequencies(language).items() if share >= least}
    return {word: _zipf(word, languages) for word in words}


@cache
def _frequencies(language: str) -> dict[str, float]:
    if language not in available_languages("small"):
        return {}
    frequencies: dict[str, float] = get_frequency_dict(language, "best")
    return frequencies


def _zipf(word: str, languages: Iterable[str]) -> float:
    share = max((_frequencies(language).get(word, 0.0) for language in languages), default=0.0)
    return math.log10(share) + 9 if share else 0.0


def _is_known(word: str, language: str) -> bool:
    if not _frequencies(language) or any(_zipf(word, (near,)) >= KNOWN_FROM for near in (language, *NEAR_LANGUAGES.get(language, ()))):
        return True
    forms = {"en": _english_parts, "id": _indonesian_parts}.get(language)
    if forms and any(all(part in TECHNICAL or _zipf(part, (language,)) >= PART_FROM[language] for part in parts) for parts in forms(word)):
        return True
    return any(_zipf(word[:at], (language,)) >= COMPOUND_FROM and _zipf(word[at:], (language,)) >= COMPOUND_FROM for at in range(4, len(word) - 3))


def _english_parts(word: str) -> Iterator[tuple[str, ...]]:
    """What the word may be a form of."""
    for stem in (word, *(word[len(prefix) :] for prefix in ENGLISH_PREFIXES if word.startswith(prefix) and len(word) >= len(prefix) + 4)):
        if stem != word:
            yield (stem,)
        for ending in ENGLISH_ENDINGS:
            if stem.endswith(ending) and len(stem) >= len(ending) + 4:
                root = stem[: -len(ending)]
                yield from (
                    (root,),
                    (root + "e",),
                    *(((root[:-1],),) if root[-1] == root[-2] else ()),
                    *(((root[:-1] + "y",),) if root[-1] == "i" else ()),
                )


def _indonesian_parts(word: str, depth: int = 3) -> Iterator[tuple[str, ...]]:
    """Roots that the word may be built from; meN- and peN- may have taken the first letter."""
    if depth == 0:
        return
    stems = [word[: -len(ending)] for ending in INDONESIAN_ENDINGS if word.endswith(ending)]
    for prefix, (following, taken) in INDONESIAN_PREFIXES.items():
        rest = word.removeprefix(prefix)
        if rest != word and rest and (not following or rest[0] in following):
            stems.append(rest)
        if rest != word and rest and rest[0] in "aeiou":
            stems += [letter + rest for letter in taken]
    for stem in stems:
        if len(stem) >= 4:
            yield (stem,)
            yield from _indonesian_parts(stem, depth - 1)


def _one_edit_away(word: str) -> Iterator[tuple[str, float]]:
    """Words with the same first letter that this may be an error for, and how likely each error is (logarithm, against a wrong letter).

    A letter left out, a swap and a letter typed twice can happen in one way at a place; a wrong letter is one of 25. What can
    have happened in two ways comes last with the likelier.
    """
    for at in range(1, len(word)):
        start, rest = word[:at], word[at + 1 :]
        yield from ((start + letter + rest, 0.0) for letter in LETTERS)
        if word[at] != word[at - 1]:
            yield start + rest, 0.0
    for at in range(1, len(word) + 1):
        start, rest = word[:at], word[at:]
        yield from ((start + letter + rest, EASY_ERROR) for letter in LETTERS)
        if rest and word[at] == word[at - 1]:
            yield start + word[at + 1 :], EASY_ERROR
        if len(rest) > 1:
            yield start + rest[1] + rest[0] + rest[2:], EASY_ERROR
