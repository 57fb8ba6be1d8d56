"""The bundled items of general ability (`items`), and the rules by which an answer to one passes (`checks`).

generate asks them, and evaluate checks the answers: what a training makes a model forget shows there. Import from here.
"""

from toolkit.guard.items import GUARD_FOLDER, GuardItem, guard_fingerprint, read_guard_items

__all__ = ["GUARD_FOLDER", "GuardItem", "guard_fingerprint", "read_guard_items"]
