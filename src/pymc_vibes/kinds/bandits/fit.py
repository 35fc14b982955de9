"""The exact posterior of every arm's mean reward."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.core.posterior import Distribution, Posterior, Variable
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.bandits.config import MOST_ARMS, BanditConfig, BinaryReward, ContinuousReward
from pymc_vibes.stats.prior import describe_prior

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.stats.special import Array

UNIT = "reward per pull"
_NOTHING = {"pulls": 0, "ones": 0, "odd": 0, "mean": 0.0, "squares": 0.0}


def fit(cells: "pa.Table", config: BanditConfig, watch: Watch) -> Posterior:
    """Update every arm's prior by its rewards; arms without pulls keep it."""
    import numpy as np

    del watch  # the update is immediate
    known: dict[str, Mapping[str, Any]] = {str(row["arm"]): row for row in cells.to_pylist()}
    arms = tuple(sorted({*known, *config.arms}))
    if not arms:
        raise InsufficientData(
            "The bandit has no arm yet.",
            hint='Name its arms in the setting "arms", or upload rewards.', need=1, have=0,
        )  # fmt: skip
    if len(arms) > MOST_ARMS:
        raise BadConfig(
            f"The data have {len(arms):,} arms, more than the {MOST_ARMS:,} that can compete.",
            hint="Is the right column taken as `arm`?",
            fields=[{"field": "arm", "reason": "too many different names"}],
        )
    rows = [known.get(arm, _NOTHING) for arm in arms]
    pulls = np.array([row["pulls"] for row in rows], dtype=float)
    distribution: Distribution
    if isinstance(config.reward, BinaryReward):
        distribution, total = _binary(rows, pulls, config.reward)
        prior = describe_prior(config.reward.prior)
    else:
        distribution, total, prior = _continuous(rows, pulls, config.reward)
    return Posterior(
        method="exact",
        variables=(
            Variable(name="reward", dim="arm", labels=arms, unit=UNIT, distribution=distribution),
        ),
        cells=cells,
        constants={
            "pulls": [int(n) for n in pulls],
            "rewards": [float(r) for r in total],
            "prior": prior,
        },
        diagnostics=Diagnostics(method="exact"),
    )


def _binary(
    rows: list[Mapping[str, Any]], pulls: "Array", reward: BinaryReward
) -> "tuple[Distribution, Array]":
    import numpy as np

    from pymc_vibes.stats.exact import Beta

    if odd := sum(int(row["odd"]) for row in rows):
        raise BadConfig(
            f"{odd:,} rewards are neither 0 nor 1, but the bandit's rewards are set to binary.",
            hint='Set reward to {"kind": "continuous"}.',
            fields=[{"field": "reward", "reason": "the data are not binary"}],
        )
    ones = np.array([row["ones"] for row in rows], dtype=float)
    a, b = reward.prior.shapes()
    return Beta(a + ones, b + pulls - ones), ones


def _continuous(
    rows: list[Mapping[str, Any]], pulls: "Array", reward: ContinuousReward
) -> "tuple[Distribution, Array, str]":
    import numpy as np

    from pymc_vibes.stats.normal import mean_posterior

    mean = np.array([row["mean"] for row in rows], dtype=float)
    squares = np.array([row["squares"] for row in rows], dtype=float)
    center, spread = _pooled(pulls, mean, squares)
    prior_mean = center if reward.mean is None else reward.mean
    prior_spread = spread if reward.spread is None else reward.spread
    posterior = mean_posterior(
        pulls, mean, squares, prior_mean=prior_mean, prior_spread=prior_spread,
        mean_weight=reward.mean_weight, spread_weight=reward.spread_weight,
    )  # fmt: skip
    taken = " (taken from all rewards)" if reward.mean is None or reward.spread is None else ""
    words = (
        f"mean {prior_mean:.4g} worth {reward.mean_weight:g} pulls, standard deviation "
        f"{prior_spread:.4g} worth {reward.spread_weight:g} pulls{taken}"
    )
    return posterior, pulls * mean, words


def _pooled(pulls: "Array", mean: "Array", squares: "Array") -> tuple[float, float]:
    """Give mean and standard deviation over all rewards, 0 and 1 where there are none."""
    total = float(pulls.sum())
    if total == 0:
        return 0.0, 1.0
    center = float(pulls @ mean) / total
    variance = float(squares.sum() + pulls @ (mean - center) ** 2) / total
    # rewards that are all the same say nothing about the spread: take their size
    return center, variance**0.5 if variance > 0 else abs(center) or 1.0
