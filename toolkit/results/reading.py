"""results.json read for showing: the whole of it, or one sentence about what is wrong with it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pydantic import ValidationError

from toolkit.errors import DataError
from toolkit.results.document import RESULTS_FILE, Results
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.outputs import output_of

MOST_BYTES = 400 << 20
_ADVICE = "look at report.html instead, or evaluate again"


def find_results(run: RunFolder) -> Path | None:
    """The results.json of a run that evaluated; None for others, and where it may not be read."""
    with contextlib.suppress(OSError):
        report = output_of(run, "report")
        return report / RESULTS_FILE if report and (report / RESULTS_FILE).exists() else None
    return None


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
