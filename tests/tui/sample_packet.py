"""A rater's packet with fixed texts: a practice unit, one that is rated, one that is guessed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolkit.records import JSON, write_jsonl
from toolkit.review.study.packet import Packet, header, read_packet
from toolkit.review.study.plan import StudyPlan

ANSWERS = (
    "1. Open the settings of the app.\n2. Tap your name.\n3. Tap the picture and choose another one.\n4. Tap Save.",
    "Open the app and change it there.",
    (
        "1. Sign in.\n2. Open your profile.\n3. Tap Edit, then the camera.\n4. Choose a photo of at most 5 MB.\n5."
        " Save, and wait until the old one is gone."
    ),
)
QUESTION = "How do I change my profile picture on the phone?"


def make_packet(
    folder: Path, answers: Sequence[str] = ANSWERS, question: str = QUESTION, plan: StudyPlan | None = None
) -> Packet:
    """`folder`/packets/anna.jsonl."""
    plan = plan or StudyPlan()
    rows: list[JSON] = [header("study-1", "anna", plan, list(plan.descriptions.values()))]
    rows.append(
        {
            "unit": "u0",
            "part": "practice",
            "prompt": question,
            "answers": list(answers),
            "notes": ["intact"] * len(answers),
        }
    )
    rows.append({"unit": "u1", "part": "rate", "prompt": f"{question} (again)", "answers": list(answers)})
    rows.append({"unit": "u2", "part": "guess", "prompt": question, "answers": list(answers)})
    path = folder / "packets" / "anna.jsonl"
    write_jsonl(path, rows)
    return read_packet(path)
