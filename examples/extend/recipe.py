"""A recipe of one's own: the rows with the most steps, to see what `max_length` and the raters will have to hold.

    python examples/extend/recipe.py examples/rows.jsonl          start it as a run
    python examples/extend/recipe.py --run-dir DIR                what the run's supervisor starts

Its options are those of data-build and one more. A run of it is seen, followed, stopped and resumed as any other:
`steptune runs`, `steptune show latest`, the screens. Writes longest.jsonl into the run folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import Field

from toolkit import config
from toolkit.data.stages import Stages
from toolkit.records import write_jsonl
from toolkit.run_folder.create import create_run
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.launch import start_supervisor, write_command
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.settings import DataBuildSettings


class LongestSettings(DataBuildSettings):
    """All options of data-build, and how many rows are wanted."""

    longest: int = Field(5, ge=1, description="How many rows are written.")


def main(settings: LongestSettings, run: Run) -> Outcome:
    stages = Stages(run.dir / "stages", run.recorder)
    batch = stages.clean(stages.collect(settings), settings)
    rows = sorted(batch.kept, key=lambda row: -len(row.output.splitlines()))[: settings.longest]
    path = run.dir / "longest.jsonl"
    write_jsonl(path, [{"id": row.id, "prompt": row.prompt, "output": row.output} for row in rows])
    stages.forget()  # the results of the stages hold what masking took out
    return Outcome({"rows": path}, {"rows": len(rows), "most_steps": len(rows[0].output.splitlines())})


def start(source: str) -> RunFolder:
    """As a run in the runs folder, by a supervisor of its own."""
    run = create_run("longest", config.dump(LongestSettings(sources=source)))
    write_command(run, [sys.executable, str(Path(__file__).resolve()), "--run-dir", str(run.path)], {}, on="cpu")
    start_supervisor(run)
    return run


if __name__ == "__main__":
    if sys.argv[1].startswith("-"):
        run_recipe(LongestSettings, main)
    else:
        print(f"{start(sys.argv[1]).path}\n`steptune logs -f latest` follows it.")
