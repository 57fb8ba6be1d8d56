"""A language model as judge of critical failures, over an OpenAI-compatible server. Extra, off by default, and never
the verdict.

An answer that cannot be parsed stays in the denominator and counts as a failure of the judge, never as a pass of the
system.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import numpy as np

from toolkit.errors import SteptuneError
from toolkit.evaluation.inputs import System, TestItem
from toolkit.evaluation.rates import rate
from toolkit.options.evaluation import JudgeOptions
from toolkit.records import sha256_json
from toolkit.results.document import Judge, JudgeAgainstHumans, JudgeVerdicts
from toolkit.results.study import StudyResults
from toolkit.statistics.agreement import cohen_kappa
from toolkit.web import BROKEN, answer_of, refused

PROMPT = """You check answers to how-to questions. A critical failure is an answer that would lead \
the reader to fail, to lose data or money, or to get hurt:
a wrong or missing essential step, steps in an order that cannot work, dangerous advice, or no usable answer at all.
Style and wording do not matter. An expert's answer is given for orientation; other ways that work are fine.

Question:
{question}

Expert's answer:
{reference}

Answer to check:
{answer}

Reply with JSON only: {{"critical_failure": true or false, "reason": "one short sentence"}}"""
_OBJECT = re.compile(r"\{.*?\}", re.DOTALL)
_RETRIES = 2
_MOST_CHARACTERS = 12_000  # of one text; the rest is cut with a mark


class JudgeError(SteptuneError):
    """The judge's server cannot be reached or refuses."""

    kind = "judge"


def judge_systems(
    items: list[TestItem], systems: list[System], options: JudgeOptions, seed: int, on_item: Callable[[int, int], None]
) -> Judge:
    """Every system's critical failures as results.json holds them, `flags` by item: true, false, or null where parsing
    failed.

    Raises:
        JudgeError: the server cannot be reached, or refuses the request.
    """
    total = len(items) * len(systems)
    found = {}
    for position, system in enumerate(systems):
        flags: list[bool | None] = []
        for item, output in zip(items, system.outputs, strict=True):
            flags.append(_judge(item, output, options, seed))
            on_item(position * len(items) + len(flags), total)
        found[system.name] = _verdicts(items, flags)
    signature = f"judge|model:{options.model}|prompt:{sha256_json(PROMPT)[:12]}|temperature:0|seed:{seed}"
    return Judge(model=options.model, signature=signature, systems=found, against_humans=None)


def measure_judge(judge: Judge, study: StudyResults, items: list[TestItem]) -> JudgeAgainstHumans:
    """The judge held against people: agreement with the majority's critical-failure flag over the answers that both
    saw.

    A verdict that failed to parse counts as disagreement.
    """
    index = {item.id: position for position, item in enumerate(items)}
    pairs = [
        (judge.systems[row.system].flags[index[row.item]], row.critical_failure > 0.5)
        for row in study.item_scores
        if row.system in judge.systems
    ]
    truth = [human for _, human in pairs]
    return JudgeAgainstHumans(
        n=len(pairs),
        agreement=_share([verdict == human for verdict, human in pairs]),
        sensitivity=_share([verdict is True for verdict, human in pairs if human]),
        specificity=_share([verdict is False for verdict, human in pairs if not human]),
        # a verdict that did not parse is a category of its own
        kappa=cohen_kappa([verdict for verdict, _ in pairs], truth),
        human_failures=sum(truth),
    )


def parse_verdict(reply: str) -> bool | None:
    """The judge's verdict in a reply; None where there is none, or more than one that differ."""
    verdicts = set()
    for found in _OBJECT.findall(reply):
        try:
            value = json.loads(found)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("critical_failure"), bool):
            verdicts.add(value["critical_failure"])
    return verdicts.pop() if len(verdicts) == 1 else None


def _verdicts(items: list[TestItem], flags: list[bool | None]) -> JudgeVerdicts:
    groups = [item.group for item in items]
    return JudgeVerdicts(
        critical_failures=rate([flag is True for flag in flags], groups),
        passed=rate([flag is False for flag in flags], groups),
        not_parsed=rate([flag is None for flag in flags], groups),
        flags=flags,
    )


def _judge(item: TestItem, output: str, options: JudgeOptions, seed: int) -> bool | None:
    if not output.strip():
        return True  # no answer is a critical failure by the prompt's own words
    prompt = PROMPT.format(question=_cut(item.prompt), reference=_cut(item.reference), answer=_cut(output))
    return parse_verdict(_ask(prompt, options, seed))


def _ask(prompt: str, options: JudgeOptions, seed: int) -> str:
    body = {
        "model": options.model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        "max_tokens": 200,
        "seed": seed,
    }
    api_key = os.environ.get(options.api_key_env)
    headers = {
        "Content-Type": "application/json",
        **({"Authorization": f"Bearer {api_key}"} if api_key else {}),
    }
    request = urllib.request.Request(
        str(options.base_url).rstrip("/") + "/chat/completions", json.dumps(body).encode(), headers
    )
    for attempt in range(_RETRIES + 1):
        try:
            return _content(answer_of(request, options.timeout_s))
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == _RETRIES:
                raise JudgeError(
                    f"judge: {options.base_url} answered {refused(error)}; check judge.model and the key."
                ) from None
        except (*BROKEN, ValueError) as error:
            if attempt == _RETRIES:
                raise JudgeError(
                    f"judge: {options.base_url} could not be used ({error}); start the server or leave judge out."
                ) from None
    raise AssertionError("unreachable")


def _content(document: Any) -> str:
    try:
        return str(document["choices"][0]["message"]["content"] or "")
    except (KeyError, IndexError, TypeError):
        return ""


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "\n[cut]"


def _share(flags: list[bool]) -> float | None:
    return float(np.mean(flags)) if flags else None
