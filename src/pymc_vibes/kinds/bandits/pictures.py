"""The figures of a bandit."""

from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.bandits.config import BanditConfig, BinaryReward
from pymc_vibes.kinds.bandits.fit import UNIT
from pymc_vibes.kinds.bandits.reading import Reading
from pymc_vibes.stats.chart import bars, density_overlay, forest
from pymc_vibes.stats.decide import chance
from pymc_vibes.stats.describe import percent, plain, spread_title

_CURVES = 6  # above as many arms a forest is easier to read than curves


def figures(posterior: Posterior, config: BanditConfig) -> tuple[Figure, ...]:
    """Show the arms' mean rewards, where the next pulls go, and what committing costs."""
    reading = Reading(posterior=posterior, config=config)
    arms = _curves(reading) if len(reading.arms) <= _CURVES else _forest(reading)
    return (arms, _allocation(reading), _regret(reading))


def _curves(reading: Reading) -> Figure:
    distribution, level = reading.reward.distribution, reading.config.level
    low, high = distribution.hdi(level)
    mean = distribution.mean()
    spoken = "; ".join(
        f"{arm} {plain(mean[i])}, from {plain(low[i])} to {plain(high[i])}"
        for i, arm in enumerate(reading.arms)
    )
    return density_overlay(
        "arms",
        _finding(reading),
        f"Posterior curves of the mean reward by arm: {spoken}.",
        curves=[
            (arm, *reading.density(i), float(low[i]), float(high[i]))
            for i, arm in enumerate(reading.arms)
        ],
        means=[float(m) for m in mean],
        x_label="mean reward",
        unit=UNIT,
        x_format="percent" if isinstance(reading.config.reward, BinaryReward) else "plain",
        level=level,
    )


def _finding(reading: Reading) -> str:
    write = percent if isinstance(reading.config.reward, BinaryReward) else plain
    means = [float(m) for m in reading.reward.distribution.mean()]
    return spread_title("mean reward", reading.arms, means, write)


def _forest(reading: Reading) -> Figure:
    low, high = reading.reward.distribution.hdi(reading.config.level)
    return forest(
        "arms",
        _finding(reading),
        f"One row per arm with its mean reward and interval; {len(reading.arms)} arms.",
        labels=reading.arms, mean=reading.reward.distribution.mean(), low=low, high=high,
        x_label="mean reward", unit=UNIT,
        x_format="percent" if isinstance(reading.config.reward, BinaryReward) else "plain",
        level=reading.config.level,
    )  # fmt: skip


def _allocation(reading: Reading) -> Figure:
    leader = reading.arms[reading.leader]
    return bars(
        "allocation",
        f"{leader} is the best with {chance(reading.p_leader)} chance",
        f"One bar per arm: the chance that it is the best, and its share of the next pulls; "
        f"{leader} leads with {chance(reading.p_leader)}.",
        labels=reading.arms, values=reading.best.probability, marker=reading.shares,
        marker_label="share of the next pulls", x_label="chance of being the best",
        x_domain=(0.0, 1.0), colors=_colors(reading),
    )  # fmt: skip


def _regret(reading: Reading) -> Figure:
    losses = [1000 * float(loss) for loss in reading.best.expected_loss]
    least = min(range(len(losses)), key=losses.__getitem__)
    cost = f"{plain(losses[least])} reward per 1,000 pulls"
    return bars(
        "regret",
        f"Committing to {reading.arms[least]} costs the least: {cost}",
        "One bar per arm: the reward that is expected to be lost by always choosing it; "
        f"the least is {cost} with {reading.arms[least]}.",
        labels=reading.arms, values=losses, x_label="expected regret",
        unit="reward per 1,000 pulls", x_format="plain", colors=_colors(reading),
    )  # fmt: skip


def _colors(reading: Reading) -> list[int] | None:
    """Give each arm the color of its curve, where there are curves."""
    count = len(reading.arms)
    return list(range(count)) if count <= _CURVES else None
