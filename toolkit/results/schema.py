"""The published form of results.json and of the blind study that it can carry, as a JSON schema.

python -m toolkit.results.schema > docs/results.schema.json
"""

from __future__ import annotations

import json

from toolkit.results.document import Results


def json_schema() -> str:
    """The JSON schema as published."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "steptune results.json",
        **Results.model_json_schema(),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(json_schema(), end="")
