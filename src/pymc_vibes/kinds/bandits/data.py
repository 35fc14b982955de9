"""The world of a bandit, its events, and their reduction to sums per arm."""

from typing import TYPE_CHECKING

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.bandits.config import BanditConfig, BinaryReward, ContinuousReward
from pymc_vibes.stats.events import within

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy as np
    import pyarrow as pa
    import xarray as xr
    from numpy.typing import NDArray

    from pymc_vibes.stats.special import Array

_DAYS = 14
_BATCHES = 40  # the simulated bandit learns this often
_SUM = "decimal(38, 18)"  # sums of decimals do not depend on the order of rows


def truth(config: BanditConfig, rng: "np.random.Generator") -> "xr.Dataset":
    """Draw every arm's mean reward from the prior; needs one that is given in full."""
    import numpy as np
    import xarray as xr

    arms = list(config.arms or ("A", "B", "C"))
    if isinstance(config.reward, BinaryReward):
        mean = rng.beta(*config.reward.prior.shapes(), size=len(arms))
        spread = np.sqrt(mean * (1 - mean))
    else:
        mean, spread = _draw_normal(config.reward, len(arms), rng)
    return xr.Dataset(
        {"reward": ("arm", mean, {"unit": "per pull"})},
        coords={"arm": arms, "spread": ("arm", spread)},
        attrs={"reward": config.reward.kind, "direction": config.direction},
    )


def _draw_normal(
    prior: ContinuousReward, arms: int, rng: "np.random.Generator"
) -> "tuple[Array, Array]":
    import numpy as np

    if prior.mean is None or prior.spread is None:
        raise BadConfig(
            "A world of continuous rewards needs the prior's mean and spread.",
            hint="Set reward.mean and reward.spread.",
        )
    weight = prior.spread_weight
    spread = prior.spread * np.sqrt(weight / rng.chisquare(weight, size=arms))
    return prior.mean + spread / np.sqrt(prior.mean_weight) * rng.standard_normal(arms), spread


def simulate(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Run a Thompson bandit that learns in batches, `size` pulls over two weeks."""
    import numpy as np
    import pyarrow as pa

    arms, mean = truth["arm"].to_numpy(), truth["reward"].to_numpy()
    spread, sign = truth["spread"].to_numpy(), 1 if truth.attrs["direction"] == "higher" else -1
    sums = np.zeros((3, len(arms)))  # pulls, rewards, squares
    chosen, rewards = np.zeros(size, dtype=int), np.zeros(size)
    for batch in np.array_split(np.arange(size), _BATCHES):
        chosen[batch] = _thompson(sums, sign, len(batch), rng)
        given = chosen[batch]
        if truth.attrs["reward"] == "binary":
            rewards[batch] = rng.random(len(batch)) < mean[given]
        else:
            rewards[batch] = rng.normal(mean[given], spread[given])
        for row, values in enumerate((np.ones(len(batch)), rewards[batch], rewards[batch] ** 2)):
            sums[row] += np.bincount(given, weights=values, minlength=len(arms))
    seconds = np.sort(rng.integers(0, _DAYS * 86_400, size=size))
    return pa.table(
        {
            "timestamp": np.datetime64("2025-03-03", "us") + seconds.astype("timedelta64[s]"),
            "arm": [str(arms[i]) for i in chosen],
            "reward": rewards,
            "unit_id": [f"u{number:07d}" for number in range(1, size + 1)],
        }
    )


def _thompson(
    sums: "Array", sign: int, size: int, rng: "np.random.Generator"
) -> "NDArray[np.intp]":
    """Choose arms by draws from a normal approximation: enough for a world that learns."""
    import numpy as np

    pulls, rewards, squares = sums
    mean = (rewards + rewards.sum() / max(pulls.sum(), 1)) / (pulls + 1)
    variance = squares.sum() / max(pulls.sum(), 1) - (rewards.sum() / max(pulls.sum(), 1)) ** 2
    sd = np.sqrt(max(variance, 1e-12) / (pulls + 1))
    draws = mean + sd * rng.standard_normal((size, len(pulls)))
    return np.argmax(sign * draws, axis=1)


def reduce(events: "ir.Table", roster: "ir.Table | None", config: BanditConfig) -> "ir.Table":
    """Count pulls and sum rewards per arm.

    Binary: `ones`, and `odd` rewards that are neither 0 nor 1. Continuous: `mean` and `squares`
    (the sum of squared deviations from it), from decimals of each reward's place in the arm's
    range, so that neither the order of rows nor a large offset costs digits.
    """
    rows = within(events, config.start, config.end)
    rows = rows.select(arm=rows.arm.cast("string"), reward=rows.reward.cast("float64"))
    cells = _binary(rows) if isinstance(config.reward, BinaryReward) else _continuous(rows)
    if roster is not None:
        names = roster.select(arm=roster.arm.cast("string")).distinct()
        joined = names.left_join(cells, "arm")
        facts = [name for name in cells.columns if name != "arm"]
        cells = joined.select("arm", **{name: joined[name].fill_null(0) for name in facts})
    return cells.order_by("arm")


def _binary(rows: "ir.Table") -> "ir.Table":
    ones = rows.reward == 1
    return rows.group_by("arm").agg(
        pulls=rows.count().cast("int64"),
        ones=ones.sum().cast("int64"),
        odd=(~ones & (rows.reward != 0)).sum().cast("int64"),
    )


def _continuous(rows: "ir.Table") -> "ir.Table":
    import ibis

    ends = rows.group_by("arm").agg(low=rows.reward.min(), high=rows.reward.max())
    placed = rows.join(ends, "arm")
    width = placed.high - placed.low
    place = ibis.ifelse(width > 0, (placed.reward - placed.low) / width, 0.0)
    placed = placed.mutate(place=place, square=place * place)
    sums = placed.group_by("arm").agg(
        pulls=placed.count().cast("int64"),
        low=placed.low.min(),
        width=(placed.high - placed.low).min(),
        place=placed.place.cast(_SUM).sum().cast("float64"),
        square=placed.square.cast(_SUM).sum().cast("float64"),
    )
    deviations = sums.square - sums.place * sums.place / sums.pulls
    return sums.select(
        "arm",
        "pulls",
        mean=sums.low + sums.width * sums.place / sums.pulls,
        squares=sums.width * sums.width * ibis.greatest(deviations, 0.0),
    )
