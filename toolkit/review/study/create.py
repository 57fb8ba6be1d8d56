"""`steptune study new`: draw the packets, commit to the key, hash everything."""

from __future__ import annotations

import random
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import DataError, UsageError
from toolkit.records import JSON, sha256_file, write_json, write_jsonl
from toolkit.results.study import Sample
from toolkit.review.journal import check_name
from toolkit.review.study.crossed import Design
from toolkit.review.study.folder import SCHEMA, StudyFolder, sealed
from toolkit.review.study.inputs import Inputs
from toolkit.review.study.key import Key, new_key, write_key
from toolkit.review.study.leaks import Leak
from toolkit.review.study.packet import header
from toolkit.review.study.packets import ITEM, Drawn, Question, draw_packets
from toolkit.review.study.plan import StudyPlan
from toolkit.review.study.power import POWER, Power, powers
from toolkit.review.study.practice import practice_questions


@dataclass(frozen=True)
class Created:
    """A new study: its folder, where the key is, and the sample size section of the plan."""

    folder: StudyFolder
    key_file: Path
    sample: Sample


def create_study(
    path: Path,
    inputs: Inputs,
    raters: Sequence[str],
    plan: StudyPlan,
    key_file: Path,
    passphrase: str = "",
    leaks_acknowledged: bool = False,
) -> Created:
    """Make a study folder; nothing is left behind if it fails.

    Raises:
        UsageError: the folder or the key exists already, two raters have one name, the key would lie in the folder, or
            the title names a system.
        DataError: leaks that were not acknowledged, or no questions.
    """
    folder = StudyFolder(path)
    _require_fresh(folder, key_file, raters)
    if not inputs.questions:
        raise DataError("the references have no rows; expected at least one question.")
    plan = plan.for_systems(list(inputs.questions[0].answers))
    _require_silent_title(plan)
    secret = secrets.token_hex(32)
    generator = random.Random(secret)
    shuffled = generator.sample(inputs.questions, len(inputs.questions))
    chosen = shuffled[: plan.items]
    chosen_ids = {question.id for question in chosen}
    leaks = [leak for leak in inputs.leaks if leak.item in chosen_ids]
    if leaks and not leaks_acknowledged:
        raise DataError(leak_report(leaks))
    prompts = {question.prompt for question in chosen}
    languages = [question.language for question in chosen]
    practice = practice_questions(max(sorted(set(languages)), key=languages.count), prompts)[: plan.practice_units]
    drawn = draw_packets(chosen, practice, raters, plan, generator)
    path.mkdir(parents=True)
    try:
        return _write(folder, chosen, drawn, list(raters), plan, inputs.sources, secret, key_file, passphrase, leaks)
    except BaseException:
        shutil.rmtree(path)
        raise


def leak_report(leaks: Sequence[Leak]) -> str:
    """What was found, and what to do about it."""
    shown = "".join(f"\n  - {leak}" for leak in leaks[:12]) + (
        f"\n  and {len(leaks) - 12} more" if len(leaks) > 12 else ""
    )
    return (
        f"{len(leaks)} things in the answers could give a system away:{shown}\nGenerate without them, or accept them"
        " with --acknowledge-leaks (the plan will say so)."
    )


def _require_fresh(folder: StudyFolder, key_file: Path, raters: Sequence[str]) -> None:
    if folder.path.exists():
        raise UsageError(f"{folder.path} exists already; give the name of a new folder.")
    if key_file.exists():
        raise UsageError(f"{key_file} exists already; give another place for the key with --key.")
    if key_file.absolute().is_relative_to(folder.path.absolute()):
        raise UsageError(
            f"The key would lie inside {folder.path}, where raters could read it; give another place with --key."
        )
    if not raters:
        raise UsageError("a study needs raters; name them with --raters anna,ben,cara.")
    seen: dict[str, str] = {}
    for rater in raters:
        check_name(rater)
        if rater.casefold() in seen:
            raise UsageError(
                f"two raters have one name ({seen[rater.casefold()]}, {rater}); give each a name of their own."
            )
        seen[rater.casefold()] = rater


def _require_silent_title(plan: StudyPlan) -> None:
    """Raters see the title."""
    for name in plan.descriptions:
        if re.search(rf"\b{re.escape(name)}\b", plan.title, re.IGNORECASE):
            raise UsageError(
                f"the title {plan.title!r} names the system {name}, and raters see it; give another with --title."
            )


def _marked(content: JSON, claims: str, marks: Mapping[str, str]) -> JSON:
    """The content with marks for the systems' names in its claims: plan.json lies where raters can read it."""
    return {**content, claims: [{**row, "a": marks[row["a"]], "b": marks[row["b"]]} for row in content[claims]]}


def _write(
    folder: StudyFolder,
    chosen: list[Question],
    drawn: Drawn,
    raters: list[str],
    plan: StudyPlan,
    sources: JSON,
    secret: str,
    key_file: Path,
    passphrase: str,
    leaks: list[Leak],
) -> Created:
    generator = random.Random(secret + "names")
    study = f"{generator.getrandbits(64):016x}"
    systems = list(chosen[0].answers)
    order = generator.sample(systems, len(systems))
    answers = _name_answers(chosen, drawn, generator)
    sample = _sample_size(chosen, drawn, plan, len(leaks))
    marks = {system: f"S{place}" for place, system in enumerate(generator.sample(systems, len(systems)), start=1)}
    public = plan.model_dump(exclude={"descriptions"})
    write_json(
        folder.plan_file,
        {"plan": _marked(public, "comparisons", marks), "sample": _marked(sample.model_dump(), "claims", marks)},
    )
    write_jsonl(folder.outputs_file, ({"answer": name, "text": text} for name, (_, _, text) in sorted(answers.items())))
    for rater in raters:
        first = header(study, rater, plan, [plan.descriptions[system] for system in order])
        write_jsonl(folder.packet_file(rater), [first, *drawn.packets[rater]])
    files = {name: sha256_file(folder.path / name) for name in _sealed_names(raters)}
    key = new_key(
        {
            "study": study,
            "systems": systems,
            "marks": {mark: system for system, mark in marks.items()},
            "guess_options": order,
            "items": {question.id: {"group": question.group} for question in chosen},
            "answers": {name: [item, source] for name, (item, source, _) in answers.items()},
            "units": drawn.units,
            "sources": sources,
            "files": files,
            "secret": secret,
        }
    )
    _write_manifest(folder, study, plan, raters, key, files)
    write_key(key_file, key, passphrase)
    return Created(folder, key_file, sample)


def _sealed_names(raters: Sequence[str]) -> list[str]:
    return ["plan.json", "outputs.jsonl", *(f"packets/{rater}.jsonl" for rater in raters)]


def _name_answers(chosen: list[Question], drawn: Drawn, generator: random.Random) -> dict[str, tuple[str, str, str]]:
    """Random name -> (item, source, text) of every answer that is rated, damaged ones among them."""
    texts = [(question.id, system, text) for question in chosen for system, text in question.answers.items()]
    texts += [(item, source, text) for (item, source), text in sorted(drawn.damaged.items())]
    return {f"a{generator.getrandbits(48):012x}": row for row in texts}


def _sample_size(chosen: list[Question], drawn: Drawn, plan: StudyPlan, leaks: int) -> Sample:
    rated = [
        (unit["item"], rater) for rater, units in drawn.units.items() for unit in units.values() if unit["kind"] == ITEM
    ]
    design = Design(rated, {question.id: question.group for question in chosen})
    effect = Power(design, plan.assumptions).smallest()
    return Sample(
        items=design.items,
        groups=design.groups,
        raters=design.raters,
        ratings_per_system=design.ratings,
        smallest_detectable_effect=None if effect is None else round(effect, 3),
        power=POWER,
        alpha=0.05,
        leaks_acknowledged=leaks,
        claims=powers(plan.comparisons, design, plan.assumptions),
    )


def _write_manifest(folder: StudyFolder, study: str, plan: StudyPlan, raters: list[str], key: Key, files: JSON) -> None:
    manifest: JSON = {
        "schema": SCHEMA,
        "study": study,
        "title": plan.title,
        "raters": raters,
        "commitment": key.commitment,
        "files": files,
    }
    write_json(folder.manifest_file, sealed(manifest))
    (folder.path / "ratings").mkdir()
