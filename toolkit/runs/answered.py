"""What may be done with an answer once it was read: it goes to the curation queue, or is written down as a failure."""

from __future__ import annotations

from pathlib import Path

from toolkit.errors import DataError, UsageError
from toolkit.review.curation_items import Item, send_to_queue
from toolkit.run_folder.config_values import read_config
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.outputs import find_dataset, output_of
from toolkit.runs.ask_messages import Reply
from toolkit.runs.exchanges import Exchange, answer_id


def send_to_curation(run: RunFolder, exchange: Exchange, reply: Reply) -> Path:
    """Put the pair before the people who curate the data set that the run learned from; returns the data set's folder.

    Raises:
        UsageError: the run knows no data set, or the answer is empty.
        DiskFullError: no space.
    """
    if not reply.output.strip():
        raise UsageError("An empty answer cannot be curated.")
    dataset = dataset_of(run)
    why = f"{reply.system} answered it in `steptune ask` ({reply.finish_reason})"
    meta = {"run": run.id, "system": reply.system}
    item = Item(answer_id(exchange, reply), exchange.question.text, reply.output, meta=meta, why=(why,))
    send_to_queue(dataset, item)
    return dataset


def dataset_of(run: RunFolder) -> Path:
    """The data set that a run wrote, or that it was given.

    Raises:
        UsageError: there is none.
    """
    made, given = output_of(run, "dataset"), read_config(run).values.get("data")
    for path in (made, given if isinstance(given, str) else None):
        if path:
            try:
                return find_dataset(Path(path))
            except DataError:
                continue
    raise UsageError(
        f"The run {run.id} knows no data set whose curation queue could take the pair; expected one that wrote or read"
        " a data set folder. `/fail` writes the answer down in the run's folder."
    )
