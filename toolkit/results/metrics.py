"""The names that results.json has: metrics, the reference system, which metrics are compared, and the numbers of
`--fail-under`. Read when every program starts: no models here.
"""

from __future__ import annotations

HUMAN = "human"  # the reference answers, as a system of their own
BASELINE = "baseline"
PRIMARY = "rouge_l"  # the metric that the verdict is about; declared here, not chosen after the fact
# Holm's family: these, for each system against the baseline. They are also the numbers of a run's headline.
COMPARED = ("rouge_l", "bertscore_f1", "format_conformance", "step_f1", "order_tau")
# Least and largest value of an item; a metric that is not named lies between 0 and 1.
REACH = {"order_tau": (-1.0, 1.0), "bertscore_f1": (-1.0, 1.0), "bertscore_p": (-1.0, 1.0), "bertscore_r": (-1.0, 1.0)}
LABELS = {
    "rouge_l": "ROUGE-L",
    "rouge_lsum": "ROUGE-Lsum",
    "bertscore_f1": "BERTScore F1",
    "bertscore_p": "BERTScore precision",
    "bertscore_r": "BERTScore recall",
    "format_conformance": "Format conformance",
    "step_f1": "Step F1",
    "order_tau": "Order τ",
}


ALPHA = 0.05  # a difference is shown below this p, after Holm's correction
# METRIC, METRIC_difference, METRIC_above_floor, METRIC_above_floor_difference, each also as NUMBER@PROPERTY:VALUE.
KINDS = ("", "_difference", "_above_floor", "_above_floor_difference")
NUMBERS = tuple(f"{metric}{kind}" for metric in COMPARED for kind in KINDS)


def split_name(name: str) -> tuple[str, str, str]:
    """A threshold's name as (number, property, value); property and value are "" for all rows."""
    number, _, where = name.partition("@")
    by, _, value = where.partition(":")
    return number, by, value


def reach_of(metric: str, differences: int = 0) -> tuple[float, float]:
    """Least and largest value of a metric, or after so many subtractions of one such value from another."""
    low, high = REACH.get(metric, (0.0, 1.0))
    for _ in range(differences):
        low, high = low - high, high - low
    return low, high
