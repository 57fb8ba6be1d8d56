"""How answers end: closing remarks, tokens of chat templates, and last steps that stop in the middle.

Words are those of English, Indonesian, German, French, Spanish, Portuguese, Italian, Dutch, Russian, Chinese and
Japanese; brackets, quotation marks and code are of no language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_CLOSING = re.compile(
    r"(?:(?:^|[.!?]\s+|\n\s*)[¡¿]?(?:i )?(?:hope (?:this|that|it) helps|let me know (?:if|whether)"
    r"|feel free to (?:ask|reach)|if you (?:have|need) any (?:more |other |further )?(?:questions|help)|happy to help"
    r"|good luck|semoga (?:membantu|bermanfaat|berhasil)|selamat mencoba"
    r"|(?:ich )?hoffe,? (?:das|dies|es) hilft|(?:ich )?hoffe,? (?:das|dies) konnte|viel (?:erfolg|glück|spaß)"
    r"|j['’]espère que (?:cela|ça|ceci)|bonne chance|n['’]hésitez pas"
    r"|espero que (?:esto |te |le |les |isso |isto |tenha )?\w+|(?:mucha|buena) suerte|boa sorte"
    r"|spero che (?:questo|ti|sia)|buona fortuna|(?:ik )?hoop dat dit helpt|veel succes"
    r"|надеюсь,? (?:это|что)|удачи)\b)"
    r"|(?:[。！\n]\s*)(?:希望(?:对你|对您|能|这)|祝你|祝您|お役に立て|ご参考になれば|頑張ってください)",
    re.IGNORECASE,
)
_SPECIAL = re.compile(
    r"<[|｜][^|｜<>\s]{1,40}[|｜]>|</?s>|<(?:pad|eos|bos|unk|mask|end_of_turn|start_of_turn|endoftext)>|\[/?INST\]"
    r"|<</?SYS>>",
    re.IGNORECASE,
)
_HANGING = re.compile(
    r"(?:[,:(\[{–—]|(?<=\s)-|(?<![\w'’-])(?:and|or|the|an|of|your|if|when|because"
    r"|dan|atau|yang|di|ke|dari|untuk|dengan|pada"
    r"|und|oder|der|den|dem|des|einen|einem|einer|eines|im|zum|zur|für"
    r"|le|les|une|du|et|ou|pour|avec|dans|el|los|las|una|del|para|con|que|com|dos|ao|il|gli|della|het|een|voor|met"
    r"|в|на|и|с|к|для|по|из|от|до|или|чтобы))$",
    re.IGNORECASE,
)
# English sentences end in these as well ("the folder to save to"), though not where the others end in a full stop.
_HANGING_IF_OTHERS_END = re.compile(r"(?<![\w'’-])(?:to|with|from|by|at|into|a)$", re.IGNORECASE)
_ENDS_SENTENCE = re.compile(r"[.!?。！？…।][\"'”’»)*_`\]]*$")
_WHOLE_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_PAIRS = (("(", ")"), ("[", "]"), ("（", "）"), ("「", "」"), ("«", "»"), ("„", "“"))
_INCHES = re.compile(r"(?<=\d)\"")


def has_closing_remark(text: str) -> bool:
    """Whether a step goes over into a remark to the reader, such as "Hope this helps"."""
    return _CLOSING.search(text) is not None


def has_special_token(text: str) -> bool:
    """Whether a token of a chat template or tokenizer stands in the text."""
    return _SPECIAL.search(text) is not None


def is_broken_off(steps: Sequence[str]) -> bool:
    """Whether the last of an answer's steps stops in the middle: after a word or sign that something must follow, or
    within brackets, quotation marks, bold or code.
    """
    *others, last = (step.rstrip() for step in steps)
    if _HANGING.search(last) or _is_left_open(last):
        return True
    full_stops = bool(others) and all(_ENDS_SENTENCE.search(step) for step in others)
    return full_stops and _HANGING_IF_OTHERS_END.search(last) is not None


def _is_left_open(text: str) -> bool:
    plain = _WHOLE_CODE.sub("", text)
    if "```" in plain or (plain.count("**") % 2 and plain.strip("* ")):
        return True
    if _INCHES.sub("", plain).count('"') % 2:
        return True
    if "„" not in plain and plain.count("“") > plain.count("”"):
        return True
    return any(plain.count(opened) > plain.count(closed) for opened, closed in _PAIRS)
