"""py3langid's classifier with its automaton run over all bytes of a text at once, for the same scores in a tenth of the
time: what the automaton knows after a byte depends on the few bytes before alone.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import numpy as np
from py3langid.langid import RAW_FLOOR, LanguageIdentifier

LONGEST_FEATURE = 6  # bytes of the longest string that the automaton knows


class QuickIdentifier(LanguageIdentifier):
    """LanguageIdentifier whose `_raw_score`, from which all answers follow, walks no text byte by byte."""

    @cached_property
    def _tables(self) -> tuple[np.ndarray, np.ndarray]:
        """By row and byte: where the row of the next state begins, and the feature that ends in that state or -1."""
        following = np.frombuffer(self.tk_nextmove, np.uintc)
        starts, features = np.asarray(self._rowbase, np.intc), np.asarray(self.tk_output, np.intc)
        return starts[following], features[following]

    def _raw_score(self, text: bytes) -> np.ndarray:
        """Scores of the classes for encoded text. For each byte the automaton starts LONGEST_FEATURE - 1 bytes earlier,
        or at the start of the text.
        """
        next_rows, feature_after = self._tables
        letters = np.frombuffer(text, np.uint8).astype(np.intp)
        rows = np.full(letters.size, self._rowbase[0], np.intp)
        for earlier in reversed(range(1, min(LONGEST_FEATURE, letters.size))):
            rows[earlier:] = next_rows.take(rows[earlier:] + letters[: letters.size - earlier])
        features = feature_after.take(rows + letters)
        # In the order of the text: sums of floats depend on it.
        if visits := Counter(features[features >= 0].tolist()):
            scores: np.ndarray = self._sparse_score(visits, self.nb_ptc)
            return scores
        return np.full(len(self.nb_classes), 0.0 if self._norm_probs else RAW_FLOOR, np.float32)
