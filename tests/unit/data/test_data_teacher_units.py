"""Writing and judging a row is one unit of the budget; prompts show the user's own rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolkit.data.rows import NOT_JUDGED, Dropped, Row
from toolkit.data.teacher.grid import Cell
from toolkit.data.teacher.own_rows import OwnRows
from toolkit.data.teacher.synthesis_prompts import JUDGE_SYSTEM
from toolkit.data.teacher.synthesise import Plan, plan_synthesis, synthesise
from toolkit.data.teacher.teacher import BUDGET_REACHED, Teacher
from toolkit.data.teacher.teacher_answers import Completion
from toolkit.data.teacher.teacher_costs import Budget
from toolkit.data.teacher.teacher_ledger import AnswerLedger
from toolkit.data.teacher.teacher_wire import Received
from toolkit.options.shared import StepRangeOptions
from toolkit.options.teacher import BudgetOptions, CallOptions, DomainOptions, SynthesisOptions, TeacherOptions
from toolkit.records import JSON
from toolkit.runs.recorder import Recorder

TASKS = tuple(f"task {number}" for number in range(12))
SYNTHESIS = SynthesisOptions(rows=12, domains=(DomainOptions(name="finance", tasks=TASKS),))


class ScriptedWire:
    """Answers at once, 50 tokens each; the judge gives a 5, or nothing usable where `judges` is False."""

    judges = True
    asked: list[str]

    def __init__(self, options: CallOptions) -> None:
        type(self).asked = []

    async def close(self) -> None:
        pass

    async def send(self, key: str, messages: list[JSON], parameters: JSON) -> Received:
        is_judge = messages[0]["content"] == JUDGE_SYSTEM
        type(self).asked.append("judge" if is_judge else "write")
        value: JSON = {"question": f"How do I do {messages[1]['content'][60:160]}?", "steps": ["Open it.", "Close it."]}
        if is_judge:
            value = {"score": 5, "problem": ""} if self.judges else {"opinion": "fine"}
        return Received("answered", completion=Completion(json.dumps(value), "", 50, 50))


def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, judges: bool, most_tokens: int) -> list[Row | Dropped]:
    monkeypatch.setattr("toolkit.data.teacher.teacher_wire.Wire", ScriptedWire)
    monkeypatch.setattr(ScriptedWire, "judges", judges)
    options = TeacherOptions(model="m", api_key_env=None, max_total_tokens=most_tokens, max_tokens=100, concurrency=3)
    plans = plan_synthesis(SYNTHESIS, ("en",), [], [], 1, lambda row: row)
    with AnswerLedger(tmp_path / "answers.jsonl", "run") as ledger:
        teacher = Teacher(options, ledger, str, Recorder(None))
        return synthesise(0, plans, teacher, lambda row: "", StepRangeOptions(), 4)


def test_no_row_is_begun_that_cannot_be_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    results = written(monkeypatch, tmp_path, judges=True, most_tokens=2_000)
    rows = [result for result in results if isinstance(result, Row)]
    assert 3 <= len(rows) < 12
    assert {result.reason for result in results if isinstance(result, Dropped)} == {BUDGET_REACHED}
    assert ScriptedWire.asked.count("write") == ScriptedWire.asked.count("judge") == len(rows)


def test_an_unjudged_row_is_no_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    results = written(monkeypatch, tmp_path, judges=False, most_tokens=100_000)
    assert all(isinstance(result, Dropped) and result.reason.startswith(NOT_JUDGED) for result in results)
    assert len(results) == 12


def test_what_is_kept_for_a_follower_counts_until_it_is_asked() -> None:
    budget = Budget(BudgetOptions(max_total_tokens=100))
    assert budget.promise("write", 20, 20, "judge", (20, 20))
    assert not budget.promise("other", 20, 10)
    budget.settle("write", 10, 10)
    assert budget.promise("other", 20, 10)
    assert not budget.promise("third", 20, 10)
    budget.set_aside("judge", (0, 0))
    assert budget.promise("third", 20, 10)


def own(number: int, **meta: str) -> Row:
    steps = f"1. Open screen {number}.\n2. Tap it."
    return Row("s", f"f:{number}", number, f"How do I use screen {number}?", steps, meta={"language": "en", **meta})


def test_prompts_show_own_rows_and_questions_without_personal_data() -> None:
    rows = [own(n, domain="finance", task="task 0") for n in range(30)] + [own(99, domain="travel", task="fly")]
    kept = OwnRows(1, lambda row: Row("s", "p", prompt=f"[masked] {row.prompt}", output=row.output))
    assert list(kept.passing(rows)) == rows
    cell = Cell("finance", "", "task 0", "formal", "en")
    prompt = Plan(cell, shown=kept.shown(cell)).prompt(StepRangeOptions())
    assert prompt.count("Question: [masked] How do I use screen") == 2
    assert prompt.count("\n- [masked] How do I use screen") == 10
    assert "screen 99" not in prompt
    again = OwnRows(1, kept.mask)
    list(again.passing(reversed(rows)))
    assert again.shown(cell) == kept.shown(cell)
    elsewhere = Cell("home", "", "clean", "formal", "id")
    assert "already" not in Plan(elsewhere, shown=kept.shown(elsewhere)).prompt(StepRangeOptions())
