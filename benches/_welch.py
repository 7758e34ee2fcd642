"""Whether two classes of calls take the same time: Welch's t-test over what is left when outliers are cropped.

As dudect does (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?", 2017): inputs of two classes that
differ in nothing but where a secret ends to match, one call each in an order by chance, a threshold on all samples
together above which nothing counts, and |t| below 4.5 as "no difference seen". That is evidence and no proof: how small
a difference may be and still be seen is printed beside it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final, NamedTuple

TARGET: Final = 4.5
KEPT: Final = 0.90  # of all samples, the fastest: what is above was interrupted


class Verdict(NamedTuple):
    """What the test says.

    Attributes:
        t: of Welch; the sign says which class is slower.
        difference: of the means, in the unit of the samples.
        detectable: the difference of the means that would have been seen (|t| = 4.5), in the same unit.
        counts: how many samples of each class were left.
    """

    t: float
    difference: float
    detectable: float
    counts: tuple[int, int]


def cropped(one: Sequence[float], other: Sequence[float], kept: float = KEPT) -> tuple[list[float], list[float]]:
    """Leave out of both classes what lies above one threshold: the quantile `kept` of all samples together."""
    together = sorted((*one, *other))
    threshold = together[max(0, math.ceil(kept * len(together)) - 1)]
    return [each for each in one if each <= threshold], [each for each in other if each <= threshold]


def welch(one: Sequence[float], other: Sequence[float]) -> Verdict:
    """Return t and what belongs to it; each class needs two samples."""
    means = statistics.fmean(one), statistics.fmean(other)
    parts = [
        sum((each - mean) ** 2 for each in samples) / (len(samples) - 1) / len(samples)
        for samples, mean in zip((one, other), means, strict=True)
    ]
    difference, error = means[0] - means[1], math.sqrt(sum(parts))
    t = difference / error if error else 0.0 if not difference else math.copysign(math.inf, difference)
    return Verdict(t, difference, TARGET * error, (len(one), len(other)))
