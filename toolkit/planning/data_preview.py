"""The preview of a data-build run for a person: what it would read, and what its teacher would cost."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.records import JSON


def data_preview_lines(preview: JSON) -> Iterator[str]:
    if "error" in preview:
        yield f"Preview: {preview['error']}"
        return
    for source in preview["sources"]:
        yield from _source_lines(source)
    if preview["passages"]:
        yield f"passages to write from: {preview['passages']}"
    if preview["teacher"]:
        yield from _teacher_lines(preview["teacher"])


def _source_lines(source: JSON) -> Iterator[str]:
    """What the source was taken for, its yield, and rows of it as they would come out."""
    taken = f", taken for {source['taken_for']}" if source["taken_for"] else ""
    yield f"{source['name']}{taken}: {source['rows']} rows, {source['left_out']} left out in reading"
    if source["warning"]:
        yield f"  warning: {source['warning']}"
    found = source["judged"] + source["left_out"]
    of_first = f"the first {source['judged']} rows" if source["judged"] < source["rows"] else "all"
    if found:
        yield f"  yield: {source['kept']} of {found} ({source['kept'] / found:.0%}) would be kept, of {of_first}"
    for reason in source["reasons"]:
        yield f"  left out: {reason['rows']} x {reason['reason']}"
    for row in source["shown"]:
        yield f"  {row['place']}  {row['prompt']}"
        yield from (f"      {step}" for step in row["output"].split("\n"))


def _teacher_lines(teacher: JSON) -> Iterator[str]:
    yield f"Teacher {teacher['model']} at {teacher['base_url']}, estimated:"
    for phase in teacher["phases"]:
        answered = f" ({phase['answered']} answered already)" if phase["answered"] else ""
        yield (
            f"  {phase['name']:<11} {phase['calls']} calls{answered}, {phase['tokens_in']} tokens in,"
            f" {phase['tokens_out']} out"
        )
    yield f"  together    {_amount(teacher)}"
    yield f"  at most     {_amount(teacher['at_most'])}, if every answer is as long as it may be and asked for again"
    limits = [f"{name} {teacher[name]:g}" for name in ("max_total_tokens", "max_cost") if teacher[name] is not None]
    if limits:
        yield (
            f"  budget      {', '.join(limits)}:"
            f" {'stops the teacher before the end' if teacher['stops_at_budget'] else 'enough for the estimate'}"
        )


def _amount(of: JSON) -> str:
    cost = "cost unknown (set teacher.price_in, teacher.price_out)" if of["cost"] is None else f"cost {of['cost']:.2f}"
    return f"{of['calls']} calls, {of['tokens_in']} tokens in, {of['tokens_out']} out, {cost}"
