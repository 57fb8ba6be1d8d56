"""One thread that looks at the disk every half second (every two while nobody looks) and hands on what changed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tui.logic.scanner import Scanner, Snapshot

FOCUSED_S = 0.5
UNFOCUSED_S = 2.0


class Feed(Protocol):
    """Something that a screen follows; `poll` says (changed, more to read)."""

    def poll(self) -> tuple[bool, bool]: ...

    def close(self) -> None: ...


class Poller(threading.Thread):
    """Daemon thread; it ends by `stop`, which does not wait for it. Callbacks are called in this thread."""

    def __init__(self, root: Path) -> None:
        super().__init__(name="poller", daemon=True)
        self.scanner = Scanner(root)
        self.snapshot = Snapshot()
        self.focused = True
        self.list_needed = True
        self.on_snapshot: Callable[[Snapshot], None] = lambda _snapshot: None
        self.on_feed: Callable[[Feed], None] = lambda _feed: None
        self._feeds: tuple[Feed, ...] = ()
        self._retired: deque[Feed] = deque()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self.scanned_once = threading.Event()
        self._told_at = 0.0

    def watch(self, feed: Feed) -> None:
        self._feeds = (*self._feeds, feed)
        self._wake.set()

    def unwatch(self, feed: Feed) -> None:
        self._feeds = tuple(other for other in self._feeds if other is not feed)

    def retire(self, feed: Feed) -> None:
        """Stop watching for good. The feed is closed in the poller's thread, which may be reading it right now."""
        self.unwatch(feed)
        self._retired.append(feed)
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    def look_again(self) -> None:
        """List the runs folder at once: something in it was changed here."""
        self.scanner.list_again()
        self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        last_scan = 0.0
        while not self._stopping.is_set():
            now = time.monotonic()
            # While a run is followed the list only feeds the "2 running" of the header.
            due = self.list_needed or now - last_scan >= UNFOCUSED_S or not self.snapshot.complete
            if due:
                self._scan()
                last_scan = now
            more = [self._poll(feed) for feed in self._feeds]
            while self._retired:
                self._retired.popleft().close()
            wait_s = (
                0.02 if any(more) else (0.05 if not self.snapshot.complete and self.snapshot.rows else self._interval())
            )
            self._wake.wait(wait_s)
            self._wake.clear()

    def _interval(self) -> float:
        return FOCUSED_S if self.focused else UNFOCUSED_S

    def _scan(self) -> None:
        try:
            found = self.scanner.scan()
        except OSError:
            return
        first = not self.scanned_once.is_set()
        if found != self.snapshot or first:
            self.snapshot = found
            self.scanned_once.set()
            if not self._stopping.is_set():
                self.on_snapshot(found)

    def _poll(self, feed: Feed) -> bool:
        try:
            changed, more = feed.poll()
        except OSError:  # a disk or a server that does not answer for a while: the next look may find it again
            return False
        now = time.monotonic()
        # Of a file that is still being read through, the screen need not see every piece.
        if changed and not self._stopping.is_set() and (not more or now - self._told_at >= FOCUSED_S):
            self._told_at = now
            self.on_feed(feed)
        return more
