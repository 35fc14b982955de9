"""The world of n-of-1 trials, its measurements, and their reduction to days."""

from typing import TYPE_CHECKING

from pymc_vibes.core.config import GivenScale
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.model import model_of, population_prior
from pymc_vibes.stats.events import column_or_null, within
from pymc_vibes.stats.series_cells import NAMELESS

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy as np
    import pyarrow as pa
    import xarray as xr

    from pymc_vibes.stats.special import Array
    from pymc_vibes.stats.trial import TrialModel
    from pymc_vibes.stats.trial_days import Treatments, Trial

_PEOPLE = ("ana", "ben", "cem")
_FIRST = 20_094  # 2025-01-06, a Monday
_PAIRS, _WEEK = 6, 7  # six pairs of weeks, each with one week of both treatments
_OBSERVED = 0.93  # chance that a day has rows at all
_SUM = "decimal(38, 18)"  # sums of decimals do not depend on the order of rows
_AWAKE = (7 * 3600, 22 * 3600)


def truth(config: NOf1Config, rng: "np.random.Generator") -> "xr.Dataset":
    """Draw the effects, schedules, levels and noise of three people from the prior."""
    import numpy as np
    import xarray as xr

    names, scale = (config.comparator, config.treatment), config.scale
    if None in names or not isinstance(scale, GivenScale):
        raise BadConfig(
            "A world needs two treatments, and priors with a center and a spread.",
            hint="Set comparator, treatment, scale.center and scale.spread.",
        )
    model, many = model_of(config), len(_PEOPLE)
    prior = population_prior(config, scale.spread)
    mean, between = prior.mean * rng.standard_normal(), prior.between * abs(rng.standard_normal())
    effect = mean + between * rng.standard_normal(many)
    sigma = scale.spread * np.sqrt(scale.weight / rng.chisquare(scale.weight, many))
    days = _FIRST + np.arange(2 * _PAIRS * _WEEK, dtype=float)
    given = np.array([_schedule(rng) for _ in _PEOPLE])
    odds = np.exp(np.array(model.carry_over.log_weight))
    life = rng.choice(model.carry_over.days, p=odds / odds.sum(), size=many)
    path = [
        scale.center + sigma[i] * _shared(model, _trial(days, given[i]), rng)
        + effect[i] * _trial(days, given[i]).exposure(life[i])[0]
        for i in range(many)
    ]  # fmt: skip
    unit = {"unit": config.outcome_unit}
    return xr.Dataset(
        {
            "effect": ("user", effect, unit),
            "population_effect": ((), mean, unit),
            "between_sd": ((), between, unit),
            "half_life": ("user", life, {"unit": "days"}),
            "sigma": ("user", sigma, unit),
            "phi": ("user", rng.uniform(size=many)),
            "share": ("user", rng.uniform(size=many)),
            "path": (("user", "day"), np.array(path)),
            "given": (("user", "day"), np.array(names, dtype=object)[given]),
        },
        coords={"user": np.array(_PEOPLE, dtype=object), "day": days},
    )


def simulate(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Measure everybody on most of 84 days, about `size` times in all but at least once a day."""
    import numpy as np
    import pyarrow as pa

    from pymc_vibes.stats.autoregression import state_path

    days, people = truth["day"].to_numpy(), truth["user"].to_numpy()
    often = max(size / len(people) / (_OBSERVED * len(days)) - 1, 0.0)
    when, who, what, given = [], [], [], []
    for index, person in enumerate(people):
        one = truth.isel(user=index)
        seen = rng.random(len(days)) < _OBSERVED
        seen[[0, -1]] = True  # the study's days are those from the first to the last observed one
        count = (1 + rng.poisson(often, len(days))) * seen
        state = state_path(len(days), float(one["phi"]), rng) * np.sqrt(float(one["share"]))
        level = one["path"].to_numpy() + float(one["sigma"]) * state
        white = float(one["sigma"]) * np.sqrt((1 - float(one["share"])) * count[seen].mean())
        at = np.repeat(np.arange(len(days)), count)
        what.append(level[at] + white * rng.standard_normal(len(at)))
        seconds = np.sort(rng.integers(*_AWAKE, len(at)) + 86_400 * days[at].astype(int))
        when.append(seconds.astype("datetime64[s]").astype("datetime64[us]"))
        who += [str(person)] * len(at)
        given.append(one["given"].to_numpy()[at])
    return pa.table(
        {
            "timestamp": np.concatenate(when),
            "user_id": pa.array(who, pa.string()),
            "outcome": np.concatenate(what),
            "treatment": pa.array(np.concatenate(given), pa.string()),
        }
    )


def _schedule(rng: "np.random.Generator") -> "Treatments":
    import numpy as np

    weeks = np.concatenate([rng.permutation(2) for _ in range(_PAIRS)])
    return np.repeat(weeks, _WEEK)


def _trial(days: "Array", given: "Treatments") -> "Trial":
    import numpy as np

    from pymc_vibes.stats.series import Series
    from pymc_vibes.stats.trial_days import Trial

    return Trial(Series(days, np.zeros(len(days)), np.ones(len(days))), given, 2)


def _shared(model: "TrialModel", trial: "Trial", rng: "np.random.Generator") -> "Array":
    """Draw all terms but the effect, in units of sigma."""
    import numpy as np

    sds = list(model.columns(trial).values())[:-1]
    drawn = np.array(sds) * rng.standard_normal(len(sds))
    return np.asarray(model.shared(trial.series.day, trial) @ drawn)


def reduce(events: "ir.Table", roster: "ir.Table | None", config: NOf1Config) -> "ir.Table":
    """Give each person's days and treatments with mean and number of rows.

    A day under two treatments has two rows; a person without events has one null day. Sums are of
    decimals, of each value's place in its day's range, so that neither the order of rows nor a
    large offset costs digits.
    """
    rows = within(events, config.start, config.end)
    rows = rows.select(
        user_id=column_or_null(rows, "user_id", "string").fill_null(NAMELESS),
        day=rows.timestamp.date(),
        treatment=rows.treatment,
        value=rows.outcome.cast("float64"),
    )
    if config.user_id is not None:
        rows = rows.filter(rows.user_id == config.user_id)
    cells = _days(rows)
    if roster is None:
        return cells.order_by("user_id", "day", "treatment")
    known = roster.select(user_id=roster.user_id.fill_null(NAMELESS)).distinct()
    if config.user_id is not None:
        known = known.filter(known.user_id == config.user_id)
    # the roster lists names only: rows without one are a series of their own
    known = known.union(cells.select("user_id"), distinct=True)
    joined = known.left_join(cells, "user_id").drop("user_id_right")
    whole = joined.mutate(count=joined["count"].fill_null(0))
    return whole.order_by("user_id", "day", "treatment")


def _days(rows: "ir.Table") -> "ir.Table":
    import ibis

    keys = ["user_id", "day", "treatment"]
    ends = rows.group_by(keys).agg(low=rows.value.min(), high=rows.value.max())
    placed = rows.join(ends, keys)
    width = placed.high - placed.low
    place = ibis.ifelse(width > 0, (placed.value - placed.low) / width, 0.0)
    found = placed.mutate(place=place).group_by(keys).agg(
        count=lambda t: t.count().cast("int64"),
        low=lambda t: t.low.min(),
        width=lambda t: (t.high - t.low).min(),
        place=lambda t: t.place.cast(_SUM).sum().cast("float64"),
    )  # fmt: skip
    return found.select(*keys, "count", mean=found.low + found.width * found.place / found["count"])
