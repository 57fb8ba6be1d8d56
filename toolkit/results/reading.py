"""results.json read for showing: the whole of it, or one sentence about what is wrong with it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from toolkit.errors import DataError
from toolkit.results.document import Results

MOST_BYTES = 400 << 20
_ADVICE = "look at report.html instead, or evaluate again"


def read_results(path: Path) -> Results:
    """The results of an evaluation.

    Raises:
        DataError: the file is missing, too large, damaged, or of another version of steptune.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path} is larger than {MOST_BYTES >> 20} MiB; look at report.html instead.")
        return Results.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        found = f"{place}: {first['msg']}" if place else first["msg"]
        raise DataError(f"{path} is damaged or from another version of steptune ({found}); {_ADVICE}.") from None
