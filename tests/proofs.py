"""What the proofs went through, counted over all tests and printed at the end of the run."""

from collections import Counter
from collections.abc import Iterable

UNITS = ("schedules", "crash points", "injected faults")

counted: Counter[str] = Counter()  # in this process


def count(unit: str, number: int = 1) -> None:
    """Counts in what one of UNITS names."""
    assert unit in UNITS
    counted[unit] += number


def summary(of_workers: Iterable[dict[str, int]]) -> str:
    """One line for this process and the workers of pytest-xdist; empty if there was no proof."""
    total = Counter(counted)
    for counts in of_workers:
        total.update(counts)
    parts = [f"{total[unit]:,} {unit}" for unit in UNITS if total[unit]]
    return f"proofs: {', '.join(parts)}" if parts else ""
