"""What a data-build run would read and keep, with some rows of each source, and the calls, tokens and money of its
teacher, as one line of JSON.

    python recipes/data-build/preview.py < config.yaml          (started by `steptune run data-build --dry-run`)

Reads a resolved config (DataBuildSettings) and the sources; plans the calls as run.py does; sends and writes nothing
but its answer.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from toolkit.config import load_resolved
from toolkit.data.cleaning.anonymise import mask_every_kind
from toolkit.data.previewing import Previews
from toolkit.data.reading.chunks import Chunk
from toolkit.data.reading.sniff import explicit_sources
from toolkit.data.reading.sources import read_sources
from toolkit.data.teacher.forecast import (
    Census,
    Phase,
    judge_phase,
    paraphrase_phase,
    synthesis_phase,
    teacher_forecast,
)
from toolkit.data.teacher.plan import plan_calls, read_passages
from toolkit.data.teacher.synthesise import Plan, synthesis_asks
from toolkit.data.teacher.teacher import masked_messages, request_parameters
from toolkit.data.teacher.teacher_ledger import read_calls
from toolkit.errors import SteptuneError
from toolkit.options.data import ReadingOptions
from toolkit.records import JSON
from toolkit.runs.recorder import Recorder
from toolkit.settings.data_build import DataBuildSettings


def main() -> int:
    settings = load_resolved(DataBuildSettings, Path("/dev/stdin"))
    found = explicit_sources(settings.sources)
    settings = settings.with_options(ReadingOptions(sources=tuple(one.source for one in found), strict=settings.strict))
    taken = {one.source.label: {"taken_for": one.said, "warning": one.warning} for one in found}
    census, previews = Census(), Previews(settings)
    rows = census.passing(previews.passing(read_sources(settings.sources, settings.strict, Recorder(None))))
    passages = read_passages(settings)
    plans = plan_calls(rows, passages, settings)
    for _ in rows:  # without a grid nobody has asked for them yet
        pass
    read = [preview.to_json(name) | taken[name] for name, preview in previews.of.items()]
    teacher = _teacher(settings, plans, passages, census) if settings.wants_teacher else None
    print(json.dumps({"sources": read, "passages": len(passages), "teacher": teacher}))
    return 0


def _teacher(settings: DataBuildSettings, plans: list[Plan], passages: list[Chunk], census: Census) -> JSON:
    phases = [_synthesis(settings, "grid", [plan for plan in plans if plan.chunk is None], census)]
    phases.append(_synthesis(settings, "grounded", [plan for plan in plans if plan.chunk is not None], census))
    if settings.synthesis.judge_min_score is not None:
        chars = [len(plan.chunk.text) for plan in plans if plan.chunk is not None]
        phases.append(judge_phase(len(plans) - len(chars), chars, census))
    if settings.balance.paraphrases:
        train = (census.total + len(plans)) * (1 - settings.test_share - settings.validation_share)
        phases.append(
            paraphrase_phase(round(train * settings.balance.paraphrase_share), settings.balance.paraphrases, census)
        )
    return teacher_forecast(phases, settings.teacher)


def _synthesis(settings: DataBuildSettings, name: str, plans: list[Plan], census: Census) -> Phase:
    options = settings.teacher
    known = read_calls(options.answers) if options.answers else {}
    asks = synthesis_asks(plans, lambda row: "", settings)
    mask = partial(mask_every_kind, options=settings)
    requests = [
        (masked_messages(ask, mask), request_parameters(options, ask.schema, options.response_format)) for ask in asks
    ]
    return synthesis_phase(name, requests, known, options, census)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SteptuneError as error:
        print(json.dumps({"error": str(error), "exit_code": error.exit_code}))
        sys.exit(error.exit_code)
