"""What an sft run would learn from, without training: counts, prompt proof, and one row token by token, as one line of
JSON.

    python recipes/sft/preview.py < config.yaml          (started by `steptune run sft --dry-run`)

Reads a resolved config (SftSettings) and the rows under `data`; writes nothing but its answer.
"""

from __future__ import annotations

import json
import sys

import yaml

from toolkit.errors import PreflightError, SteptuneError
from toolkit.settings import SftSettings
from toolkit.training.options import BaseModelOptions
from toolkit.training.prepared import prepare, preview


def main() -> int:
    settings = SftSettings.model_validate(yaml.safe_load(sys.stdin.read()))
    if settings.data is None:
        raise PreflightError("data: give a data set folder, a folder of JSONL files or one JSONL file.")
    base = BaseModelOptions(settings.model, settings.revision, settings.trust_remote_code, settings.quantization)
    print(
        json.dumps(
            preview(
                prepare(base, settings.data, settings.validation_share, settings.prompt_format, settings.max_length)
            )
        )
    )
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SteptuneError as error:
        print(json.dumps({"error": str(error), "exit_code": error.exit_code}))
        sys.exit(error.exit_code)
