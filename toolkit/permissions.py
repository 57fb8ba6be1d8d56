"""Who may write what steptune makes. Standard library only."""

from __future__ import annotations

import os


def keep_others_from_writing() -> None:
    """From here on no file of this process and of those that it starts can be changed by other users, whatever the
    umask was: a config or a command that others may edit is a program of theirs. The group is left to the umask.
    """
    os.umask(os.umask(0o077) | 0o002)
