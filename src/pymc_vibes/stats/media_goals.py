"""What a budget is to reach, and what it must keep to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.stats.special import Array


@dataclass(frozen=True)
class FixedTotal:
    """Split a total."""

    total: float


@dataclass(frozen=True)
class MarginalReturn:
    """Spend as long as the next unit of money returns at least the hurdle."""

    hurdle: float


@dataclass(frozen=True)
class Return:
    """Bring the most while all money together returns at least the target."""

    target: float


@dataclass(frozen=True)
class LeastCost:
    """Spend the least that brings an incremental outcome."""

    outcome: float


type Goal = FixedTotal | MarginalReturn | Return | LeastCost


@dataclass(frozen=True)
class Group:
    """Bounds on what some channels spend together."""

    channels: tuple[int, ...]
    low: float = 0.0
    high: float = np.inf


@dataclass(frozen=True, kw_only=True, eq=False)
class Limits:
    """What each channel may spend over the horizon; a lock is two equal bounds."""

    low: Array
    high: Array
    groups: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        crossed = [int(i) for i in np.flatnonzero((self.low > self.high) | (self.low < 0))]
        if crossed:
            raise BadConfig(
                "Some channels have a lower bound below 0 or above their upper bound.",
                hint="Give every channel 0 <= low <= high.",
                channels=crossed,
            )

    def locked(self, channels: Sequence[int], budget: Array) -> "Limits":
        """Hold some channels at what a budget gives them."""
        low, high = self.low.copy(), self.high.copy()
        low[list(channels)] = high[list(channels)] = budget[list(channels)]
        return Limits(low=low, high=high, groups=self.groups)
