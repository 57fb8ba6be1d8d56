"""Where a run that serves its model can be asked, as its newest attempt says."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.options.asking import AskOptions
from toolkit.options.generation import ServerOptions
from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import RunFolder


@dataclass(frozen=True)
class ServedAt:
    """A server that is up: its address, and the model's name in its API."""

    url: str
    model: str


def served_at(run: RunFolder) -> ServedAt | None:
    """None while it is not up yet, once it has ended, and for runs that serve nothing."""
    if not run.state().is_running:
        return None
    for event in reversed(run.events()):
        if event.name == EventName.SERVING:
            return ServedAt(str(event.fields.get("url")), str(event.fields.get("model")))
        if event.name == EventName.SUPERVISOR_STARTED:
            return None
    return None


def asked_where_served(run: RunFolder, options: AskOptions) -> AskOptions:
    """The run's own server in place of a model that is loaded, while it is up."""
    found = served_at(run)
    return (
        options.with_options(AskOptions(at=ServerOptions(server=found.url, server_model=found.model)))
        if found
        else options
    )
