"""Fit the quality model of readvault-generate to a BAM and print its tables.

    python train/quality.py RUN.bam > src/tables/PROFILE.txt

The model (see src/quality.rs) is a sum of four terms in the logarithm, fitted by gradient steps on
counts of contexts. What is printed are those weights: statistics of the run, no read of it.
Needs pysam, numpy and scipy.
"""

from __future__ import annotations

import sys

import numpy as np
import pysam
from scipy.sparse import csr_matrix

CLASSES, PLACES, READS, STEPS = 8, 30, 2, 93
ROUNDS = 120


def reads_of(path: str) -> tuple[list[np.ndarray], np.ndarray, list[str]]:
    """Qualities in sequencing order, whether each is a second read, and names."""
    qualities, second, names = [], [], []
    with pysam.AlignmentFile(path, check_sq=False) as bam:
        for record in bam:
            if record.flag & 0x900:
                continue
            values = np.array(record.query_qualities, dtype=np.int64)
            qualities.append(values[::-1] if record.is_reverse else values)
            second.append(int(record.is_read2))
            names.append(record.query_name)
    return qualities, np.array(second), names


def classes_of(qualities: list[np.ndarray], second: np.ndarray) -> np.ndarray:
    """Eight equally large classes by mean quality, for first and second reads apart."""
    mean = np.array([values.mean() for values in qualities])
    result = np.zeros(len(qualities), int)
    for read in (0, 1):
        mine = second == read
        rank = np.argsort(np.argsort(mean[mine], kind="stable"), kind="stable")
        result[mine] = rank * CLASSES // max(1, mine.sum())
    return result


def before(values: np.ndarray, top: int, distance: int) -> np.ndarray:
    """The symbol this far before each, the top one at the start."""
    return np.concatenate([[top] * distance, values])[: len(values)]


def counted(values: np.ndarray, symbols: int) -> np.ndarray:
    """History of few levels."""
    top = symbols - 1
    low = np.concatenate([[0], np.cumsum(values != top)])
    here = np.arange(len(values))
    recent = np.searchsorted([1, 3, 5], low[here] - low[np.maximum(here - 12, 0)], side="right")
    return (before(values, top, 2) * symbols + before(values, top, 3)) * 4 + recent


def binned(values: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """History of many levels."""
    top = len(bins) - 1
    two, three = before(values, top, 2), before(values, top, 3)
    return bins[np.minimum(two, three)] * (bins.max() + 1) + bins[np.maximum(two, three)]


def fit(counts: np.ndarray, rows: list[np.ndarray], sizes: list[int]) -> list[np.ndarray]:
    """Weights of the terms that make the counts likeliest (Adam on the whole table)."""
    number, symbols = counts.shape
    total, everything = counts.sum(1), counts.sum()
    gather = [
        csr_matrix((np.ones(number), (row, np.arange(number))), shape=(size, number))
        for row, size in zip(rows, sizes, strict=True)
    ]
    weights = [np.zeros((size, symbols)) for size in sizes]
    first = gather[0] @ counts
    # A context that the run hardly has starts from what follows its previous quality.
    likely = first.reshape(symbols, -1, symbols).sum(1) + 0.05
    likely = np.repeat(likely / likely.sum(1, keepdims=True), sizes[0] // symbols, axis=0)
    weights[0] = np.log((first + 2 * likely) / (first.sum(1, keepdims=True) + 2))
    mean, square = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    for turn in range(1, ROUNDS + 1):
        logits = sum(weight[row] for weight, row in zip(weights, rows, strict=True))
        chance = np.exp(logits - logits.max(1, keepdims=True))
        chance /= chance.sum(1, keepdims=True)
        bits = -(counts * np.log2(np.maximum(chance, 1e-12))).sum() / everything
        if turn % 20 == 0:
            print(f"round {turn}: {bits:.4f} bits per quality", file=sys.stderr)
        slope = chance * total[:, None] - counts
        rate = 0.08 * (1 - turn / ROUNDS) + 0.002
        for k, gathered in enumerate(gather):
            step = (gathered @ slope) / np.sqrt(((gathered @ total)[:, None] + 1) * everything)
            mean[k] = 0.9 * mean[k] + 0.1 * step
            square[k] = 0.99 * square[k] + 0.01 * step**2
            size = np.sqrt(square[k] / (1 - 0.99**turn)) + 1e-9
            weights[k] -= rate * mean[k] / (1 - 0.9**turn) / size
    return weights


def main() -> None:
    """Print the tables for the run on the command line."""
    qualities, second, names = reads_of(sys.argv[1])
    levels = np.unique(np.concatenate(qualities))
    symbols = len(levels)
    index = np.zeros(256, int)
    index[levels] = np.arange(symbols)
    qualities = [index[values] for values in qualities]
    share = np.bincount(np.concatenate(qualities), minlength=symbols) / sum(map(len, qualities))
    below = np.cumsum(share)
    if symbols <= 8:
        history_bin = previous_bin = np.arange(symbols)
        histories = symbols * symbols * 4
    else:
        history_bin = np.minimum((below - 1e-9) * 4, 3).astype(int)
        previous_bin = np.minimum((below - share / 2) * 4, 3).astype(int)
        histories = (history_bin.max() + 1) ** 2
    bins = previous_bin.max() + 1
    read_class = classes_of(qualities, second)

    parts = []
    for values, read, group in zip(qualities, second, read_class, strict=True):
        at = np.arange(len(values))
        place = np.minimum(np.where(at < 12, at, 12 + (at - 12) // 8), PLACES - 1) + PLACES * read
        past = counted(values, symbols) if symbols <= 8 else binned(values, history_bin)
        context = before(values, symbols - 1, 1) * histories + past
        parts.append(((context * READS * PLACES + place) * CLASSES + group, values))
    keys = np.concatenate([key for key, _ in parts])
    seen, where = np.unique(keys, return_inverse=True)
    ones = (np.ones(len(keys)), (where, np.concatenate([values for _, values in parts])))
    counts = np.asarray(csr_matrix(ones, shape=(len(seen), symbols)).todense())
    group = seen % CLASSES
    place = seen // CLASSES % (READS * PLACES)
    context = seen // CLASSES // (READS * PLACES)
    bin_of = previous_bin[context // histories]
    rows = [context, place * bins + bin_of, group * bins + bin_of, place % PLACES // 6 * CLASSES + group]
    sizes = [symbols * histories, READS * PLACES * bins, CLASSES * bins, PLACES // 6 * CLASSES]
    weights = fit(counts, rows, sizes)

    pairs = np.zeros((CLASSES, CLASSES), int)
    waiting: dict[str, tuple[int, int]] = {}
    for name, read, mine in zip(names, second, read_class, strict=True):
        if name in waiting and waiting[name][0] != read:
            other = waiting[name][1]
            pairs[(other, mine) if read else (mine, other)] += 1
        waiting[name] = (read, mine)
    print("// Weights of the quality model: made by train/quality.py, read by quality.rs.")
    print("levels", *levels)
    print("history", *history_bin)
    print("previous", *previous_bin)
    print("pairs", *pairs.ravel())
    for weight in weights:
        steps = np.round((weight.max(1, keepdims=True) - weight) * 8).clip(0, STEPS - 1).astype(int)
        for row in steps:
            print("".join(chr(33 + step) for step in row))


if __name__ == "__main__":
    main()
