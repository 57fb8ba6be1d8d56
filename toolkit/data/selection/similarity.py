"""Pairs of similar rows: candidates from MinHash, or all crossing pairs through an inverted index.

MinHash only proposes; every pair that counts has its Jaccard similarity computed from the grams.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from toolkit.grams import AT_ONCE, GramSets, mixed

PERMUTATIONS = 128
RECALL = 0.999  # least chance that a pair right at the threshold becomes a candidate
MINHASH_SEED = 20
# standard deviations by which a signature's estimate may fall short of the threshold (binomial: once in 300,000 pairs)
ESTIMATE_DEVIATIONS = 4.5
BACKGROUND_PAIRS = 2_000
# work of one permutation of one row, where looking at one proposed pair is 1 (measured: .1 and .1 microseconds)
PERMUTATION_COST = 1.0
CHUNK = 1 << 17  # pairs whose signatures are compared at once: 64 MB
# In a bucket of more rows than this a row meets those before it only up to this many: clusters are still found whole,
# through their chains.
MOST_NEIGHBOURS = 48


def similar_pairs(
    grams: GramSets, threshold: float, seed: int = MINHASH_SEED, apart: NDArray[np.int8] | None = None
) -> Iterator[tuple[int, int, float]]:
    """Pairs (earlier, later, Jaccard) with Jaccard >= threshold, by later, then earlier index. With `apart` [rows] only
    pairs of different labels.
    """
    candidates = _candidates(grams, threshold, seed, apart)
    for candidate in candidates.tolist():
        later, earlier = divmod(candidate, 1 << 32)
        if (value := grams.jaccard(earlier, later)) >= threshold:
            yield earlier, later, value


def plan_bands(grams: GramSets, threshold: float) -> tuple[int, int]:
    """(bands, rows per band) that propose a pair right at the threshold with RECALL at the least expected work.

    Wide bands need more permutations, narrow ones propose pairs of unrelated rows, whose number grows with the square
    of the rows. How alike unrelated rows are is taken from a fixed sample of pairs.
    """
    background = _background(grams)
    plans = []
    for rows in range(2, 9):
        bands = max(1, math.ceil(math.log(1 - RECALL) / math.log(1 - threshold**rows))) if threshold < 1 else 1
        chance = float(np.mean(1 - (1 - background**rows) ** bands))
        work = len(grams) * bands * rows * PERMUTATION_COST + len(grams) ** 2 / 2 * chance
        plans.append((work, bands, rows))
    _, bands, rows = min(plans)
    return bands, rows


def _background(grams: GramSets) -> NDArray[np.float64]:
    count = len(grams)
    if count < 2:
        return np.zeros(1)
    drawn = np.random.default_rng(MINHASH_SEED).integers(0, count, (min(BACKGROUND_PAIRS, 4 * count), 2))
    return np.array([grams.jaccard(left, right) for left, right in drawn.tolist() if left != right] or [0.0])


def _candidates(grams: GramSets, threshold: float, seed: int, apart: NDArray[np.int8] | None) -> NDArray[np.uint64]:
    """later * 2^32 + earlier of the pairs that agree in a band and may reach the threshold, sorted, without repeats."""
    bands, rows = plan_bands(grams, threshold)
    # Bands of one set of signatures: memory for one set at a time, whatever the plan.
    a_group = max(1, PERMUTATIONS // rows)
    found: NDArray[np.uint64] = np.empty(0, np.uint64)
    for number, first in enumerate(range(0, bands, a_group)):
        signatures = _signatures(grams, min(a_group, bands - first) * rows, seed + number)
        for band in range(signatures.shape[1] // rows):
            pairs = _pairs_in_buckets(_band_keys(signatures[:, band * rows : (band + 1) * rows]))
            found = np.unique(
                np.concatenate(
                    [found, *(_likely(grams, signatures, threshold, some, apart) for some in _in_chunks(pairs))]
                )
            )
    return found


def _signatures(grams: GramSets, permutations: int, seed: int) -> NDArray[np.uint32]:
    """MinHash signatures, uint32 [rows, permutations]."""
    signatures = np.empty((len(grams), permutations), np.uint32)
    for at in range(0, len(grams), AT_ONCE):
        bounds = grams.starts[at : min(at + AT_ONCE, len(grams)) + 1]
        hashes = grams.flat[bounds[0] : bounds[-1]].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            hashes, (bounds - bounds[0]).astype(np.uint64), permutations, seed
        )
        signatures[at : at + len(bounds) - 1] = matrix.to_rows()
    return signatures


def _band_keys(columns: NDArray[np.uint32]) -> NDArray[np.uint64]:
    key = np.zeros(len(columns), np.uint64)
    for column in range(columns.shape[1]):
        key = mixed(columns[:, column].astype(np.uint64), key + np.uint64(column + 1))
    return key


def _pairs_in_buckets(key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Pairs of rows with equal keys: each row with up to MOST_NEIGHBOURS of those before it in its bucket."""
    order = np.argsort(key, kind="stable").astype(np.uint64)
    in_order = key[order.astype(np.int64)]
    pairs = []
    for distance in range(1, MOST_NEIGHBOURS + 1):
        same = in_order[distance:] == in_order[:-distance]
        if not same.any():
            break
        pairs.append(order[distance:][same] << np.uint64(32) | order[:-distance][same])
    return np.concatenate(pairs) if pairs else np.empty(0, np.uint64)


def _in_chunks(pairs: NDArray[np.uint64]) -> Iterator[NDArray[np.uint64]]:
    return (pairs[at : at + CHUNK] for at in range(0, len(pairs), CHUNK))


def _likely(
    grams: GramSets,
    signatures: NDArray[np.uint32],
    threshold: float,
    pairs: NDArray[np.uint64],
    apart: NDArray[np.int8] | None,
) -> NDArray[np.uint64]:
    """Of some pairs those whose sizes allow the threshold, whose signatures do not speak against it, and whose labels
    differ.
    """
    later, earlier = (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
    sizes = grams.sizes[later], grams.sizes[earlier]
    likely = np.minimum(*sizes) >= threshold * np.maximum(*sizes)
    if apart is not None:
        likely &= apart[later] != apart[earlier]
    pairs, later, earlier = pairs[likely], later[likely], earlier[likely]
    estimate = (signatures[earlier] == signatures[later]).mean(axis=1)
    margin = ESTIMATE_DEVIATIONS * math.sqrt(threshold * (1 - threshold) / signatures.shape[1])
    kept: NDArray[np.uint64] = pairs[estimate >= threshold - margin]
    return kept


def crossing_pairs(left: GramSets, right: GramSets, threshold: float) -> Iterator[tuple[int, int, float]]:
    """All pairs (index in left, index in right, Jaccard) at or above the threshold, found exactly, in no particular
    order.

    Counts shared grams of every pair through an inverted index of the longer list; independent of MinHash, so that it
    can check what MinHash left over. Time grows with the product of the lengths.
    """
    swapped = len(left) > len(right)
    probes, indexed = (right, left) if swapped else (left, right)
    order = np.argsort(indexed.flat, kind="stable")
    held = indexed.flat[order]
    holders = np.repeat(np.arange(len(indexed), dtype=np.int32), indexed.sizes)[order]
    for at in range(len(probes)):
        grams = probes[at]
        starts, ends = np.searchsorted(held, grams, "left"), np.searchsorted(held, grams, "right")
        shared = np.bincount(
            np.concatenate([holders[start:end] for start, end in zip(starts, ends, strict=True)]),
            minlength=len(indexed),
        )
        values = shared / (len(grams) + indexed.sizes - shared)
        for other in np.flatnonzero(values >= threshold).tolist():
            yield (other, at, float(values[other])) if swapped else (at, other, float(values[other]))
