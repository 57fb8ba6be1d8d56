"""What an sft run would learn from, without training: counts, prompt proof, and one row token by token, as one line of
JSON.

    python recipes/sft/preview.py < config.yaml          (started by `steptune run sft --dry-run`)

Reads a resolved config (SftSettings) and the rows under `data`; writes nothing but its answer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from toolkit.config import load_resolved
from toolkit.errors import SteptuneError
from toolkit.settings import SftSettings
from toolkit.training.prepared import prepare, preview


def main() -> int:
    settings = load_resolved(SftSettings, Path("/dev/stdin"))
    print(json.dumps(preview(prepare(settings))))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SteptuneError as error:
        print(json.dumps({"error": str(error), "exit_code": error.exit_code}))
        sys.exit(error.exit_code)
