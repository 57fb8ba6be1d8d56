"""serve: a base model or a tuned one behind OpenAI's API, until the run is stopped.

    python recipes/serve/run.py --run-dir DIR      (steptune serve and steptune run serve start it)

Reads config.yaml in DIR, the model and the adapter (merged once, then cached). Writes model/ in DIR: links to the
weights, with the trained prompt as chat template, the tokens that end an answer and the defaults of sampling, which is
what the server loads. Its key, if any, is in the environment alone.
"""

from toolkit.generation.environment import set_engine_environment
from toolkit.generation.serving import serve
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.settings.serve import ServeSettings


def main(settings: ServeSettings, run: Run) -> Outcome:
    set_engine_environment()
    serve(settings, run.dir, run.recorder)


if __name__ == "__main__":
    run_recipe(ServeSettings, main)
