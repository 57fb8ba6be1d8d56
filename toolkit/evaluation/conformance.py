"""Format conformance: whether an answer is one well-formed numbered list and nothing else.

Any marker style that the step parser takes counts, as long as an answer keeps to one; which styles occurred is
reported.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import dataclass

from toolkit.evaluation.endings import has_closing_remark, has_special_token, is_broken_off
from toolkit.evaluation.steps import Step, parse_answer

CHECKS = {
    "starts_at_1": "the first step has number 1",
    "no_gap": "each number is one more than the number before",
    "one_style": "all markers look alike",
    "no_empty_step": "every step has words",
    "no_repeated_step": "no two steps are the same",
    "nothing_before": "no text before the list",
    "nothing_between": "no paragraph of its own between two steps",
    "nothing_after": "no text after the list, and no closing remark in its last step",
    "no_special_token": "no token of a chat template or tokenizer in the text",
    "not_broken_off": "the last step does not end in the middle (comma, open bracket or quote, a word such as `the`)",
    "not_cut_off": "generation ended by itself (finish_reason is neither missing nor length, abort or error)",
    "step_count_in_range": "the number of steps is within min_steps and max_steps",
}
_CUT_OFF = frozenset({"", "length", "abort", "error"})
_NOT_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Conformance:
    """One answer's checks (names as in CHECKS), its number of steps, and the style of its first marker ("" if none)."""

    checks: dict[str, bool]
    steps: int
    style: str

    @property
    def conforms(self) -> bool:
        return all(self.checks.values())


def check_format(output: str, finish_reason: str | None, min_steps: int, max_steps: int) -> Conformance:
    """All checks of one answer. An answer without any step fails all checks about steps."""
    answer = parse_answer(output)
    steps = answer.steps
    some = bool(steps)
    texts = [_words(step.text) for step in steps]
    checks = {
        "starts_at_1": some and steps[0].number == 1,
        "no_gap": some and _has_no_gap(steps),
        "one_style": some and len({step.style for step in steps}) == 1,
        "no_empty_step": some and all(texts),
        "no_repeated_step": some and len(set(texts)) == len(texts),
        "nothing_before": some and not answer.before,
        "nothing_between": some and not answer.between,
        "nothing_after": some and not answer.after and not has_closing_remark(steps[-1].text),
        "no_special_token": not has_special_token(output),
        "not_broken_off": some and not is_broken_off([step.text for step in steps]),
        "not_cut_off": (finish_reason or "") not in _CUT_OFF,
        "step_count_in_range": min_steps <= len(steps) <= max_steps,
    }
    return Conformance(checks, len(steps), steps[0].style if some else "")


def failures_by_check(results: list[Conformance]) -> dict[str, int]:
    """How many answers fail each check."""
    failed = Counter(name for result in results for name, passed in result.checks.items() if not passed)
    return {name: failed[name] for name in CHECKS}


def _has_no_gap(steps: list[Step]) -> bool:
    return all(later.number == earlier.number + 1 for earlier, later in itertools.pairwise(steps))


def _words(text: str) -> str:
    return _NOT_WORDS.sub(" ", text.casefold()).strip()
