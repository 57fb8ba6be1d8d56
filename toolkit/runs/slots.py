"""What the runs of a runs folder take of this machine, cards and CPU slots, and what a waiting run may be given."""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from toolkit.catalog import recipe_of_run
from toolkit.machine.gpus import PROMISED_VARIABLE, VISIBLE_VARIABLE, Gpu, machine_gpus, most_free
from toolkit.machine.processes import live_run_ids
from toolkit.records import read_json
from toolkit.run_folder.documents import Ticket
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder

# Of a card that runs share: left free for what the estimates cannot see.
USABLE = 0.95
_MIB = 1024**2


@dataclass
class Slots:
    """Who holds what on this machine. `take` gives; what it cannot give is kept for that run, so that none overtakes.

    `holders`: of each card by UUID the runs on it, by id, with their tickets. `on_cpu`: the runs on CPU slots.
    """

    count: int
    cards: tuple[Gpu, ...] = ()
    on_cpu: list[str] = field(default_factory=list)
    holders: dict[str, dict[str, Ticket]] = field(default_factory=lambda: defaultdict(dict))
    kept: set[str] = field(default_factory=set)
    cpu_is_kept: bool = False

    @classmethod
    def read(cls, queue: QueueFolder, runs: Iterable[RunFolder], tickets: Iterable[Ticket]) -> Slots:
        """As it is: `runs` are the open ones of the folder, `tickets` those of what waits."""
        alive, here = live_run_ids(), socket.gethostname()
        going = [run for run in runs if run.info.host in (None, here) and (run.is_locked() or run.id in alive)]
        taken = {run.id: ticket for run in going if not (ticket := _taken(run)).submitted}
        asks = any(ticket.cards for ticket in tickets)
        slots = cls(queue.document.slots, machine_gpus().cards if asks else ())
        for run_id, ticket in taken.items():
            slots._hold(run_id, ticket)
        return slots

    def take(self, run: RunFolder, ticket: Ticket) -> Ticket | None:
        """The ticket with the cards that the run gets; None where it has to wait."""
        if not ticket.cards:
            if self.cpu_is_kept or len(self.on_cpu) >= self.count:
                self.cpu_is_kept = True
                return None
            self.on_cpu.append(run.id)
            return replace(ticket, got=())
        wanted = self._wanted(ticket)
        free = tuple(card for card in wanted if self._is_free(card, ticket))
        if len(free) < ticket.cards:
            self.kept |= {card.uuid for card in wanted}
            return None
        chosen = most_free(free, ticket.cards)
        got = replace(ticket, got=tuple(card.uuid for card in self.cards if card in chosen))
        self._hold(run.id, got)
        return got

    def why(self, ticket: Ticket) -> str:
        """What the run waits for, in words."""
        if not ticket.cards:
            held = ", ".join(self.on_cpu)
            return f"a CPU slot ({len(self.on_cpu)} of {self.count} taken{f' by {held}' if held else ''})"
        wanted = self._wanted(ticket)
        if len(wanted) < ticket.cards:
            return f"{ticket.cards} GPU(s), of which this machine shows {len(wanted)}"
        held = "; ".join(
            f"GPU {card.index}: {', '.join(self.holders[card.uuid])}" for card in wanted if self.holders.get(card.uuid)
        )
        return f"{ticket.cards} of {len(wanted)} GPU(s){f' ({held})' if held else ''}"

    def _wanted(self, ticket: Ticket) -> tuple[Gpu, ...]:
        return tuple(card for card in self.cards if card.uuid in ticket.may_take)

    def _is_free(self, card: Gpu, ticket: Ticket) -> bool:
        holders = self.holders.get(card.uuid, {})
        if card.uuid in self.kept or not holders:
            return card.uuid not in self.kept
        sizes = [each.memory_mib for each in (*holders.values(), ticket) if each.shares]
        if len(sizes) <= len(holders) or None in sizes or card.total_bytes is None:
            return False
        return sum(size for size in sizes if size is not None) * _MIB <= USABLE * card.total_bytes

    def _hold(self, run_id: str, ticket: Ticket) -> None:
        if not ticket.cards:
            self.on_cpu.append(run_id)
        for uuid in ticket.got or [card.uuid for card in self.cards if ticket.cards]:
            self.holders[uuid][run_id] = ticket


def _taken(run: RunFolder) -> Ticket:
    """What a run that goes on has taken: by its ticket, or by the command of one that the queue did not start. Without
    `got` it holds every card.
    """
    if run.used_ticket_file.exists() and (ticket := run.ticket):
        return ticket
    row = read_json(run.command_file) or {}
    environment = row.get("environment")
    values = environment if isinstance(environment, dict) else {}
    got = tuple(uuid for uuid in str(values.get(PROMISED_VARIABLE, "")).split(",") if uuid)
    # The stages of a pipeline choose their cards when they start.
    chooses_later = bool(recipe_of_run(run.recipe).stages) and values.get(VISIBLE_VARIABLE) != ""
    return Ticket(cards=len(got) or int(chooses_later and bool(machine_gpus().cards)), got=got)
