"""Every Python example of the docs runs as it stands there."""

import re
from pathlib import Path

import pytest

from toolkit.records import write_jsonl

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = {
    f"{page.name}:{number}": match[1]
    for page in sorted(DOCS.rglob("*.md"))
    for number, match in enumerate(EXAMPLE.finditer(page.read_text("utf-8")), start=1)
}
SLOW = ("sft.md", "evaluate.md")  # they load models
ROWS = [
    {"id": str(at), "prompt": f"How do I open box {at}?", "output": f"1. Take box {at}.\n2. Open its lid."}
    for at in range(8)
]


@pytest.fixture
def at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name."""
    (tmp_path / "manuals").mkdir()
    for at, verb in enumerate(("Open", "Close", "Clean", "Repair", "Move", "Sell")):
        steps = f"1. Take the {verb.lower()}-tool of drawer {at}.\n2. {verb} box number {at} with care.\n"
        (tmp_path / "manuals" / f"{at}.md").write_text(f"# {verb} the box of kind {at}\n\n{steps}")
    write_jsonl(tmp_path / "rows.jsonl", ROWS)
    write_jsonl(tmp_path / "dataset" / "test.jsonl", ROWS)
    for system in ("baseline", "tuned"):
        answers = [{"id": row["id"], "output": row["output"], "finish_reason": "stop"} for row in ROWS]
        write_jsonl(tmp_path / system / "predictions.jsonl", answers)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name.startswith(SLOW) else ()) for name in EXAMPLES],
)
def test_an_example_of_the_docs_runs(name: str, at_hand: Path) -> None:
    exec(compile(EXAMPLES[name], name, "exec"), {"__name__": "__main__"})
