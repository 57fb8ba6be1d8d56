"""pipeline: data-build, sft, generate (baseline and tuned) and evaluate in order, skipping what did not change.

    steptune run pipeline --preset demo

Reads RUN_DIR/config.yaml. Writes one run folder per stage under RUN_DIR/stages/ and links their outputs in result.json.
"""

import os

from toolkit.runs.pipeline import Pipeline
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.settings import PipelineSettings


def main(settings: PipelineSettings, run: Run) -> Outcome:
    """Run every stage that is not done; the headline is evaluate's."""
    outputs, last = Pipeline(settings, run.dir, on=os.environ["STEPTUNE_ON"], recorder=run.recorder).run_all()
    return Outcome(outputs, headline=dict(last.headline) if last else {})


if __name__ == "__main__":
    run_recipe(PipelineSettings, main)
