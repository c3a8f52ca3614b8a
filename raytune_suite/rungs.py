"""The arithmetic of rungs and brackets as pure functions (Li et al. 2018, "Hyperband", JMLR 18:185).

All results are exact. Fractions are compared instead of logarithms, because `log(243) / log(3)` is slightly less than 5
in floating point, and an implementation that truncates it loses a rung.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from raytune_suite.errors import ArgumentError
from raytune_suite.types import FAILED, check_count
from raytune_suite.validation import number, one_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


class Rung(NamedTuple):
    """One promotion level of a bracket: the number of configs, and the resource to which each is trained."""

    configs: int
    resource: int


LEAST_ETA = 1.1
"""The least reduction factor: with smaller ones a ladder has so many rungs that they are the same integers."""

MAX_CONFIGS = 1_000_000
"""The most configs on the first rung of a bracket of Hyperband."""

ETA = number(least=LEAST_ETA)
SIZES = one_of("paper", "hpbandster")


def check_ladder(min_t: int, max_t: int, eta: float) -> None:
    """Check the arguments that define a ladder of rungs.

    Raises:
        ArgumentError: If `min_t` or `max_t` is not an integer of at least 1, `max_t < min_t`, or `eta` is below 1.1.
    """
    for name, value in (("min_t", min_t), ("max_t", max_t)):
        check_count(name, value)
    if max_t < min_t:
        raise ArgumentError.invalid("max_t", max_t, f"at least `min_t`, which is {min_t}")
    ETA.check("eta", eta)


def max_bracket(min_t: int, max_t: int, eta: float) -> int:
    """Compute `s_max = floor(log_eta(R / r))` exactly.

    Example:
        >>> max_bracket(1, 81, 3), max_bracket(1, 243, 3), max_bracket(1, 1000, 10), max_bracket(1, 80, 3)
        (4, 5, 3, 3)
    """
    check_ladder(min_t, max_t, eta)
    factor, level, s = Fraction(eta), Fraction(min_t), 0
    while level * factor <= max_t:
        level, s = level * factor, s + 1
    return s


Sizes = Literal["paper", "hpbandster"]
"""Which sizes the first rungs have. For resources 1 to 81 and eta = 3 they are 81, 34, 15, 8, 5 in the paper, and 81,
27, 9, 6, 5 in the packages hpbandster and dehb."""


def hyperband(min_t: int, max_t: int, eta: float, sizes: Sizes = "paper") -> list[list[Rung]]:
    """Return the brackets of one iteration of Hyperband, the one with the most configs first (Algorithm 1, lines 1-7).

    Bracket `s` starts `n = ceil((s_max + 1) * eta**s / (s + 1))` configs (hpbandster: `floor((s_max + 1) / (s + 1)) *
    eta**s`) at the resource `max_t * eta**-s`; its rung `i` has `floor(n * eta**-i)` configs at `max_t * eta**(i - s)`.
    Resources are rounded to integers.

    Raises:
        ArgumentError: If an argument is invalid.

    Example:
        >>> hyperband(1, 9, 3)[0]
        [Rung(configs=9, resource=1), Rung(configs=3, resource=3), Rung(configs=1, resource=9)]
    """
    SIZES.check("sizes", sizes)
    s_max = max_bracket(min_t, max_t, eta)
    factor = Fraction(eta)
    brackets = []
    for s in range(s_max, -1, -1):
        if sizes == "paper":
            first = math.ceil((s_max + 1) * factor**s / (s + 1))
        else:
            first = math.floor((s_max + 1) // (s + 1) * factor**s)
        if first > MAX_CONFIGS:
            raise ArgumentError(
                f"Hyperband from `min_t` {min_t} to `max_t` {max_t} with `eta` {eta:g} would start {float(first):.3g} "
                f"configs in one bracket, but at most {MAX_CONFIGS} are allowed: raise `min_t` or `eta`"
            )
        levels = increasing([max(min_t, round(max_t * factor ** (i - s))) for i in range(s + 1)])
        brackets.append([Rung(max(1, math.floor(first / factor**i)), level) for i, level in enumerate(levels)])
    return brackets


NEAR_END = 0.85
"""The fraction of `max_t` above which a trial is no longer stopped: the rest of its training costs too little."""


def halving_levels(min_t: int, max_t: int, eta: float, s: int = 0) -> tuple[float, ...]:
    """The rungs of bracket `s` of asynchronous halving: `min_t * eta**k` from `k = s` on, none above `max_t`.

    A rung shortly before `max_t` is left out: with `max_t=10` and `eta=3` it would stop trials one step before the end.

    Example:
        >>> halving_levels(1, 50, 3), halving_levels(1, 50, 3, s=2), halving_levels(1, 10, 3)
        ((1.0, 3.0, 9.0, 27.0), (9.0, 27.0), (1.0, 3.0))
    """
    levels = [min_t * Fraction(eta) ** k for k in range(max_bracket(min_t, max_t, eta) + 1)]
    if len(levels) > 1 and NEAR_END * max_t < levels[-1] < max_t:
        levels.pop()
    return tuple(float(level) for level in levels[s:])


def geometric(min_t: int, max_t: int, eta: float) -> tuple[float, ...]:
    """Return the rungs of asynchronous halving: `min_t * eta**k` for k = 0, 1, ..., and `max_t`.

    Example:
        >>> geometric(1, 50, 3)
        (1.0, 3.0, 9.0, 27.0, 50.0)
    """
    levels = halving_levels(min_t, max_t, eta)
    return levels if levels[-1] == max_t else (*levels, float(max_t))


def continued(levels: Sequence[float], max_t: float, eta: float) -> tuple[float, ...]:
    """The rungs of a bracket and its end, for a higher `max_t`: they continue upwards from its old end.

    Args:
        levels: The rungs and the old end, which becomes a rung.
        max_t: The new end.
        eta: The reduction factor.

    Example:
        >>> continued((1, 3, 9), 27, 3), continued((3, 9), 100, 3), continued((1, 3, 9), 10, 3)
        ((1, 3, 9, 27), (3, 9, 27, 81, 100), (1, 3, 10))
        >>> continued((2,), 9, 1.2)
        (2, 3, 4, 5, 6, 7, 9)
    """
    rungs, level = list(levels[:-1]), Fraction(levels[-1])
    while level <= NEAR_END * max_t:
        if not rungs or round(level) > rungs[-1]:
            rungs.append(round(level))
        level *= Fraction(eta)
    return (*(rung for rung in rungs if rung < max_t), max_t)


def bracket_odds(heights: Sequence[int]) -> NDArray[np.float64]:
    """The probabilities with which a trial is assigned to brackets of these numbers of rungs: their softmax, as in Ray.

    Example:
        >>> bracket_odds([3, 2]).round(3).tolist()
        [0.731, 0.269]
    """
    weights = np.exp(np.array(heights) - max(heights))
    odds: NDArray[np.float64] = weights / weights.sum()
    return odds


LEAST_LOWEST = 0.2
"""The least probability of the lowest bracket, so that there are always trials with which others can be compared."""


def trusted_odds(
    starts: Sequence[float], odds: NDArray[np.float64], weights: Mapping[float, float]
) -> NDArray[np.float64]:
    """The probabilities of brackets, given how well each level predicts the highest (Li et al. 2022, "Hyper-Tune").

    Brackets that start at a level with a weight share their odds in proportion to the weight over the resource of the
    level; the others keep theirs.

    Args:
        starts: The first level of each bracket, in ascending order.
        odds: The probabilities without any knowledge.
        weights: The weights of levels (`AskTellSearcher.bracket_weights`).

    Example:
        >>> trusted_odds([1, 3, 9], np.array([0.7, 0.2, 0.1]), {1: 0.0, 3: 1.0}).round(2).tolist()
        [0.2, 0.72, 0.08]
    """
    highest = max(weights)
    known = np.array([start <= highest for start in starts])
    shares = np.array([weights.get(start, 0.0) / start for start in starts])
    if not shares.sum() > 0:
        return odds
    trusted = np.where(known, shares / shares.sum() * odds[known].sum(), odds)
    lowest = max(trusted[0], LEAST_LOWEST)
    rest = trusted[1:].sum()
    scale = (1 - lowest) / rest if rest > 0 else 0.0
    return np.concatenate([[lowest if rest > 0 else 1.0], trusted[1:] * scale])


def stopping_cutoff(scores: Sequence[float], eta: float) -> float:
    """The score at a rung that only the best 1/eta of these scores reach, as Ray's ASHA interpolates it.

    Args:
        scores: The scores of the trials that have reached the rung, finite and in ascending order; higher is better.
        eta: The reduction factor.

    Example:
        >>> stopping_cutoff([1.0, 2.0, 3.0, 4.0], eta=2)
        2.5
    """
    return percentile(scores, (1 - 1 / eta) * 100)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """`numpy.percentile` of finite numbers in ascending order, equal to the last bit and without its cost.

    Example:
        >>> percentile([1.0, 2.0, 4.0], 75), float(np.percentile([1.0, 2.0, 4.0], 75))
        (3.0, 3.0)
    """
    position = (len(ordered) - 1) * (percent / 100)
    below = math.floor(position)
    if below + 1 >= len(ordered):
        return ordered[-1]
    low, high, share = ordered[below], ordered[below + 1], position - below
    return high - (high - low) * (1 - share) if share >= 0.5 else low + (high - low) * share  # noqa: PLR2004 - as numpy


def increasing(levels: list[int]) -> list[int]:
    """Make `levels` strictly increasing: if `eta` is below 2, two of them may have been rounded to the same integer.

    The last level, the maximum resource of a trial, is kept.
    """
    raised = levels[:1]
    for level in levels[1:]:
        raised.append(max(level, raised[-1] + 1))
    top = levels[-1]
    return [*(level for level in raised if level < top), top] if raised[-1] > top else raised


def survivors(losses: Mapping[str, float], places: int) -> list[str]:
    """Return the ids with the `places` lowest losses, best first; among ties the one that comes first in `losses` wins.

    Failed observations are never promoted, even if there are places left.
    """
    ranked = sorted((loss, order, name) for order, (name, loss) in enumerate(losses.items()) if loss != FAILED)
    return [name for _, _, name in ranked[:places]]
