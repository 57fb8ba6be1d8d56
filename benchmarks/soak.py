"""Faults at random moments over the real chain on a model of two layers, in two lanes side by side. `make soak`

A trial is one fault: kill -9 of the command, the supervisor, the recipe or any process below it, or of everything;
SIGHUP, SIGTERM, SIGSTOP; `steptune stop`; a memory limit; a full disk; a file that is cut, emptied or replaced. After
each, the state that is shown must be a true one and nothing may be left that works for the run. Then the run is taken
up as a person would, until it ends; what it made must be what an undisturbed run makes, byte for byte. A damaged file
may also be refused with a sentence; put back, the run must go on.

Every eighth chain answers through vLLM. Faults of the queue have a benchmark of their own: `make bench-queue`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.report import finish
from benchmarks.soak_chain import CHAIN_S, Chain
from benchmarks.soak_faults import FAULTS, Done, small_disk
from tests.tiny_model import make_tiny_model
from toolkit.machine.processes import send, wait_until_gone
from toolkit.run_folder.states import State

TRIALS, LANES, LIMIT_S, SEED = 200, 2, 1800.0, 21
LATEST_S = 14.0  # a fault comes this long after a start at most
ATTEMPTS = 60  # a chain that is not done after so many starts is taken for lost
GONE_S = 30.0


@dataclass
class Tally:
    """What all lanes found."""

    trials: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    chains: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str, said: str) -> None:
        with self.lock:
            self.trials[name] += 1
            print(json.dumps({"trial": self.trials.total(), "fault": said}), file=sys.stderr, flush=True)

    def blame(self, problem: str) -> None:
        with self.lock:
            self.problems.append(problem)
            print(json.dumps({"problem": problem}), file=sys.stderr, flush=True)


@dataclass
class Undisturbed:
    """What the chain makes when nothing happens, by the engine that answers; made when it is first asked for."""

    scratch: Path
    model: Path
    made: dict[str, dict[str, str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def products(self, backend: str) -> dict[str, str]:
        with self.lock:
            if backend not in self.made:
                chain = Chain(self.scratch / f"undisturbed-{backend}", self.model, backend)
                chain.begin()
                chain.settle(CHAIN_S)
                if not chain.is_finished():
                    raise RuntimeError(f"the undisturbed chain did not finish: {chain.words()}")
                self.made[backend] = chain.products()
            return self.made[backend]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--lanes", type=int, default=LANES)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    tally, started = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="steptune-soak-", dir=os.environ.get("STEPTUNE_BENCH_DIR")) as scratch:
        model = Path(scratch) / "model"
        make_tiny_model(model)
        wanted = Undisturbed(Path(scratch), model)
        lanes = [
            threading.Thread(target=_lane, args=(number, Path(scratch), model, wanted, arguments, tally, started))
            for number in range(arguments.lanes)
        ]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
    beside = {
        "trials": {"by fault": dict(tally.trials), "chains": tally.chains},
        "losses": {"problems": tally.problems, "seconds": round(time.monotonic() - started)},
    }
    return finish("soak", {"trials": tally.trials.total(), "losses": len(tally.problems)}, beside)


def _lane(
    number: int,
    scratch: Path,
    model: Path,
    wanted: Undisturbed,
    arguments: argparse.Namespace,
    tally: Tally,
    started: float,
) -> None:
    dice = random.Random(f"{arguments.seed} {number}")
    while tally.trials.total() < arguments.trials and time.monotonic() - started < LIMIT_S - CHAIN_S / 4:
        with tally.lock:
            tally.chains += 1
            turn = tally.chains
        folder = scratch / f"chain-{turn}"
        chain = Chain(folder, model, "vllm" if turn % 8 == 0 else "transformers")
        with small_disk(folder):
            try:
                _disturb(chain, dice, wanted.products(chain.backend), tally, arguments.trials)
            except Exception as error:  # the lane goes on with another chain, and the end is no success
                tally.blame(f"chain {turn}: {type(error).__name__}: {error}")
            finally:
                chain.clear()


def _disturb(chain: Chain, dice: random.Random, wanted: dict[str, str], tally: Tally, trials: int) -> None:
    """One chain with faults until it is done; from some moment on it is left in peace."""
    done: list[Done] = []
    peaceful_from = dice.randint(6, 14)
    for attempt in range(ATTEMPTS):
        chain.begin()
        damaged = done[-1] if done and done[-1].damaged else None
        if damaged or attempt >= peaceful_from or tally.trials.total() >= trials:
            chain.settle(CHAIN_S)
        else:
            done += _one_start(chain, dice, tally)
        if chain.is_finished():
            break
        if damaged:
            _put_back(chain, damaged, tally)
            done.append(Done("put back", damaged.allowed))
    history = "; ".join(fault.what for fault in done)
    if not chain.is_finished():
        tally.blame(f"not done after {ATTEMPTS} starts ({history}): {chain.words()}")
        return
    chain.settle()
    if different := [name for name, value in chain.products().items() if wanted.get(name) != value]:
        tally.blame(f"other bytes in {', '.join(different)} after: {history}")
    if half := chain.half_written():
        tally.blame(f"half-written: {', '.join(half)} after: {history}")
    if left := wait_until_gone(chain.processes(), GONE_S):
        tally.blame(f"{len(left)} processes left after: {history}")


def _one_start(chain: Chain, dice: random.Random, tally: Tally) -> list[Done]:
    """Faults until one ends the run, or it ends by itself."""
    done: list[Done] = []
    while True:
        moment = time.monotonic() + dice.uniform(0.1, LATEST_S)
        while time.monotonic() < moment and not (chain.viewer_gone() and (chain.is_over() or not chain.run.exists())):
            time.sleep(0.02)
        if chain.viewer_gone() and (chain.is_over() or not chain.run.exists()):
            return done
        name = dice.choice(list(FAULTS))
        if (fault := FAULTS[name](chain, dice)) is None:
            continue
        done.append(fault)
        tally.count(name, fault.what)
        if not _judged(chain, fault, tally):
            return done


def _judged(chain: Chain, fault: Done, tally: Tally) -> bool:
    """Hold what is shown against the truth; False when the run has to be taken up."""
    if not chain.run.exists():
        return False
    if fault.goes_on:
        state = chain.run.state()
        if state not in fault.allowed:
            tally.blame(f"{state} is shown after: {fault.what}")
        return state.is_live
    supervisor_killed = fault.what.startswith("kill the supervisor")
    if fault.allowed & {State.RUNNING}:  # it may have been something that nobody misses
        chain.settle(8)
        if not chain.is_over():
            return True
    chain.settle()
    state, shown = chain.run.state(), chain.shown_state()
    if state not in fault.allowed or shown != state:
        tally.blame(f"{state} in the folder, {shown} shown, after: {fault.what}")
    if supervisor_killed:
        chain.ask("stop", str(chain.run.path))
    if left := wait_until_gone(chain.processes(), GONE_S):
        tally.blame(f"{len(left)} processes left after: {fault.what}")
        send(left, 9)  # type: ignore[arg-type]
    return False


def _put_back(chain: Chain, damaged: Done, tally: Tally) -> None:
    """A run that does not go on with a damaged file says so in a sentence; with the file put back it goes on."""
    result = chain.run.result
    said = (result.message if result else "") or chain.words()
    kind = result.kind if result else None
    print(json.dumps({"damaged": damaged.what, "said": said[:300], "kind": kind}), file=sys.stderr, flush=True)
    if not said or "Traceback" in said or kind == "crash":
        tally.blame(f"no sentence after {damaged.what}: {said}")
    for path, held in damaged.damaged:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(held)


if __name__ == "__main__":
    sys.exit(main())
