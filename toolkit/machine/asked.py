"""Programs that are asked one thing and answer on stdout: they end with the one who asked.

The screens ask from threads, and a thread cannot be stopped. Whoever leaves them must not wait for an answer that
nobody reads any more, nor leave the program behind.
"""

from __future__ import annotations

import subprocess
import threading
import weakref
from collections.abc import Mapping, Sequence

_lock = threading.Lock()
_running: set[subprocess.Popen[str]] = set()
_left: weakref.WeakSet[threading.Thread] = weakref.WeakSet()  # their answers are wanted no more


def ask(
    argv: Sequence[str], text: str = "", environment: Mapping[str, str] | None = None, timeout_s: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program with `text` on stdin, and take what it says.

    In a thread that `end_threads` has met, the program is killed or not started: exit code -9 without a word.

    Raises:
        subprocess.TimeoutExpired: it was killed after `timeout_s`.
        OSError: it cannot be started.
    """
    with _lock:
        if threading.current_thread() in _left:
            return subprocess.CompletedProcess(argv, -9, "", "")
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        _running.add(process)
    try:
        out, errors = process.communicate(text, timeout_s)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    finally:
        _running.discard(process)
    return subprocess.CompletedProcess(argv, process.returncode, out, errors)


def end_threads() -> None:
    """Kill what has not answered. The threads that there are now, apart from the main one, start nothing more."""
    with _lock:
        _left.update(thread for thread in threading.enumerate() if thread is not threading.main_thread())
        for process in _running:
            process.kill()


def begin_threads() -> None:
    """Threads that were kept for the next screens may ask again."""
    with _lock:
        _left.clear()
