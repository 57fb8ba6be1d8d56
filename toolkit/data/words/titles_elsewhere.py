"""Titles in German, Spanish, French, Portuguese and Japanese as questions. Like the rule for English it takes a title
only where its form says that it names a task: an infinitive at the place where the language has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from toolkit.data.words.task_words import words

GERMAN_NOT_VERBS = words("gegen neben wegen zwischen hinten unten oben außen innen morgen zusammen einstellungen allen")
SPANISH_NOT_VERBS = words(
    "lugar hogar ejemplar taller mujer placer azar bar mar par similar particular popular auxiliar familiar escolar"
    " regular celular solar militar bienestar pulgar líder"
)
FRENCH_NOT_VERBS = words(
    "fichier dossier papier clavier calendrier courrier premier dernier entier particulier titre filtre cadre ordre"
    " nombre lettre fenêtre centre registre autre notre votre entre contre quatre membre genre livre chiffre paramètre"
    " caractère dernière première avenir plaisir loisir souvenir hiver mer fer cher hier janvier février atelier métier"
    " quartier panier escalier guerre heure pierre terre verre titulaire formulaire exemplaire glossaire sommaire"
    " prestataire bibliothèque lumière matière manière commentaire repère critère"
)
PORTUGUESE_NOT_VERBS = words(
    "lugar lar mar par bar similar particular popular auxiliar familiar escolar celular exemplar mulher prazer qualquer"
    " sequer caráter líder elevador computador"
)
SAHEN = (
    "変更|追加|削除|設定|作成|登録|確認|インストール|アンインストール|更新|接続|印刷|保存|送信|受信|復元|解除|有効化|無効化"
    "|リセット|初期化|交換|取り付け|選択|編集|検索|共有|移動|コピー|ダウンロード|アップロード|ログイン|起動|終了|再起動"
)
JAPANESE_ENDING = "にはどうすればよいですか？"


def _german(text: str) -> str | None:
    if re.match(r"(?:wie|wo|wann) \w+ (?:ich|man|wir)\b", text, re.IGNORECASE):
        return f"{text[0].upper()}{text[1:]}?"
    if polite := re.match(r"(?:so\s+)?(\w+(?:en|ern|eln)) Sie\s+(.+)$", text, re.IGNORECASE):
        verb, rest = polite[1].lower(), polite[2]
        # A separable verb leaves its first part at the end ("fügen Sie ... hinzu"); put together it would be a guess.
        if re.search(
            r"\b(?:ab|an|auf|aus|bei|ein|fest|frei|her|hin|hinzu|los|mit|nach|vor|weg|zu|zurück|zusammen)$", rest
        ):
            return None
        return f"Wie kann ich {rest} {verb}?"
    parts = text.split()
    last = parts[-1]
    if (
        len(parts) < 2
        or not last.islower()
        or last in GERMAN_NOT_VERBS
        or not re.search(r"[a-zäöüß]{2,}(?:en|ern|eln)$", last)
    ):
        return None
    first = parts[0]
    if first.lower() in words(
        "der die das den dem ein eine einen einem einer ihr ihre ihren mein meine meinen im in auf"
        " mit für zu zum zur über unter nach von vom alle neue neuen"
    ):
        parts[0] = first.lower()
    swapped = [re.sub(r"^[Ii]hr(e|en|em|er|es)?$", lambda match: f"mein{match[1] or ''}", part) for part in parts]
    return f"Wie kann ich {' '.join(swapped)}?"


def _by_infinitive(
    text: str, how: str, is_infinitive: re.Pattern[str], nouns: frozenset[str], shape: str, own: dict[str, str]
) -> str | None:
    text = re.sub(rf"^{how}\s+", "", text, flags=re.IGNORECASE)
    first, _, rest = text.partition(" ")
    if not rest or not is_infinitive.fullmatch(first) or first.lower() in nouns or not first.lower().isalpha():
        return None
    rest = " ".join(own.get(part.lower(), part) for part in rest.split())
    return shape.format(f"{first.lower()} {rest}")


def _spanish(text: str) -> str | None:
    pattern = re.compile(r"\w+(?:ar|er|ir|ír)(?:se)?", re.IGNORECASE)
    own = {"su": "mi", "tu": "mi", "sus": "mis", "tus": "mis"}
    return _by_infinitive(text, "(?:¿?cómo|para)", pattern, SPANISH_NOT_VERBS, "¿Cómo puedo {}?", own)


def _french(text: str) -> str | None:
    pattern = re.compile(r"\w+(?:er|ir|re)", re.IGNORECASE)
    return _by_infinitive(text, "(?:comment|pour)", pattern, FRENCH_NOT_VERBS, "Comment puis-je {} ?", {})


def _portuguese(text: str) -> str | None:
    pattern = re.compile(r"\w+(?:ar|er|ir|ôr)", re.IGNORECASE)
    own = {"seu": "meu", "sua": "minha", "seus": "meus", "suas": "minhas"}
    return _by_infinitive(text, "(?:como|para)", pattern, PORTUGUESE_NOT_VERBS, "Como posso {}?", own)


def _japanese(text: str) -> str | None:
    text = re.sub(
        r"(?:する)?(?:方法|手順|には|やり方)$", lambda match: "する" if match[0].startswith("する") else "", text
    )
    if noun := re.fullmatch(rf"(.+)の({SAHEN})", text):
        return f"{noun[1]}を{noun[2]}する{JAPANESE_ENDING}"
    if re.fullmatch(rf".+を(?:{SAHEN})", text):
        return f"{text}する{JAPANESE_ENDING}"
    return f"{text}{JAPANESE_ENDING}" if re.search(r"を.+[るうくすつむぬぶぐ]$", text) else None


ASK: dict[str, Callable[[str], str | None]] = {
    "de": _german,
    "es": _spanish,
    "fr": _french,
    "pt": _portuguese,
    "ja": _japanese,
}
