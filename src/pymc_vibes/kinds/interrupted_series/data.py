"""The world of interrupted series, its measurements, and their reduction to days."""

from typing import TYPE_CHECKING

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.interrupted_series.config import GivenScale, InterruptedConfig
from pymc_vibes.kinds.interrupted_series.model import day_number, model_of
from pymc_vibes.stats.events import column_or_null, within

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy as np
    import pyarrow as pa
    import xarray as xr

    from pymc_vibes.stats.special import Array

NAMELESS = ""  # stored text is never empty, so this cannot clash with a name
_PEOPLE = ("ana", "ben")
_DAYS_BEFORE, _DAYS_AFTER = 42, 42  # six weeks on each side
_OBSERVED = 0.93  # chance that a day has rows at all
_SUM = "decimal(38, 18)"  # sums of decimals do not depend on the order of rows
_AWAKE = (7 * 3600, 22 * 3600)


def truth(config: InterruptedConfig, rng: "np.random.Generator") -> "xr.Dataset":
    """Draw level, weekdays, trend, effect and noise of two people from the prior."""
    import numpy as np
    import xarray as xr

    from pymc_vibes.stats.interrupted import EFFECTS
    from pymc_vibes.stats.series import Window
    from pymc_vibes.stats.terms import design, ramp

    if config.intervention_date is None or not isinstance(config.scale, GivenScale):
        raise BadConfig(
            "A world needs the date of its change, and priors with a center and a spread.",
            hint="Set intervention_date and scale.center, scale.spread.",
        )
    change = day_number(config.intervention_date)
    window = Window(change - _DAYS_BEFORE, change, change + _DAYS_AFTER)
    model, scale, many = model_of(config), config.scale, len(_PEOPLE)
    sigma = scale.spread * np.sqrt(scale.weight / rng.chisquare(scale.weight, many))
    sds = np.array(list(model.columns.values()))
    terms = rng.standard_normal((many, len(sds))) * sds * sigma[:, None]
    days = np.arange(window.first, window.end)
    path = scale.center + terms @ design(days, window, model).T
    step = terms[:, list(model.columns).index("step")]
    slope = terms[:, -1] if model.ramp else np.zeros(many)
    effect = step[:, None] + slope[:, None] * ramp(window.after, change, window.end)
    k = config.window_days
    means = (effect[:, :k].mean(axis=1), effect[:, -k:].mean(axis=1), effect.mean(axis=1))
    named = {
        name: ("user", values, {"unit": config.outcome_unit})
        for name, values in zip(EFFECTS, means, strict=True)
    }
    noise = {
        "sigma": ("user", sigma),
        "phi": ("user", rng.uniform(size=many)),
        "share": ("user", rng.uniform(size=many)),
    }
    return xr.Dataset(
        {**named, **noise, "path": (("user", "day"), path)},
        coords={"user": np.array(_PEOPLE, dtype=object), "day": days},
        attrs={"change": change},
    )


def simulate(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Measure both people on most of 84 days, about `size` times in all but at least once a day."""
    import numpy as np
    import pyarrow as pa

    days = truth["day"].to_numpy()
    people = truth["user"].to_numpy()
    often = max(size / len(people) / (_OBSERVED * len(days)) - 1, 0.0)
    change = float(truth.attrs["change"])
    when, who, what, began = [], [], [], []
    for index, person in enumerate(people):
        one = truth.isel(user=index)
        seen = rng.random(len(days)) < _OBSERVED
        seen[[0, -1]] = True  # the study's days are those from the first to the last observed one
        count = (1 + rng.poisson(often, len(days))) * seen
        state = _state(len(days), float(one["phi"]), rng) * np.sqrt(float(one["share"]))
        level = one["path"].to_numpy() + float(one["sigma"]) * state
        white = float(one["sigma"]) * np.sqrt((1 - float(one["share"])) * count[seen].mean())
        at = np.repeat(np.arange(len(days)), count)
        what.append(level[at] + white * rng.standard_normal(len(at)))
        seconds = np.sort(rng.integers(*_AWAKE, len(at)) + 86_400 * days[at].astype(int))
        when.append(seconds.astype("datetime64[s]").astype("datetime64[us]"))
        who += [str(person)] * len(at)
        began.append(days[at] >= change)
    return pa.table(
        {
            "timestamp": np.concatenate(when),
            "user_id": pa.array(who, pa.string()),
            "outcome": np.concatenate(what),
            "phase": np.where(np.concatenate(began), "intervention", "baseline"),
        }
    )


def _state(days: int, phi: float, rng: "np.random.Generator") -> "Array":
    import numpy as np

    steps = rng.standard_normal(days)
    steps[1:] *= np.sqrt(1 - phi**2)
    for day in range(1, days):
        steps[day] += phi * steps[day - 1]
    return steps


def reduce(events: "ir.Table", roster: "ir.Table | None", config: InterruptedConfig) -> "ir.Table":
    """Give each person's days with mean and number of rows; a person without rows has one null day.

    Sums are of decimals, of each value's place in its day's range, so that neither the order of
    rows nor a large offset costs digits. `began` says whether a row is of the phase `intervention`.
    """
    rows = within(events, config.start, config.end)
    rows = rows.select(
        user_id=column_or_null(rows, "user_id", "string").fill_null(NAMELESS),
        day=rows.timestamp.date(),
        value=rows.outcome.cast("float64"),
        began=column_or_null(rows, "phase", "string").fill_null("").lower() == "intervention",
    )
    if config.user_id is not None:
        rows = rows.filter(rows.user_id == config.user_id)
    cells = _days(rows)
    if roster is None:
        return cells.order_by("user_id", "day")
    known = roster.select(user_id=roster.user_id.fill_null(NAMELESS)).distinct()
    if config.user_id is not None:
        known = known.filter(known.user_id == config.user_id)
    joined = known.left_join(cells, "user_id").drop("user_id_right")
    return joined.mutate(count=joined["count"].fill_null(0)).order_by("user_id", "day")


def _days(rows: "ir.Table") -> "ir.Table":
    import ibis

    ends = rows.group_by("user_id", "day").agg(low=rows.value.min(), high=rows.value.max())
    placed = rows.join(ends, ["user_id", "day"])
    width = placed.high - placed.low
    place = ibis.ifelse(width > 0, (placed.value - placed.low) / width, 0.0)
    sums = placed.mutate(place=place).group_by("user_id", "day")
    found = sums.agg(
        count=lambda t: t.count().cast("int64"),
        low=lambda t: t.low.min(),
        width=lambda t: (t.high - t.low).min(),
        place=lambda t: t.place.cast(_SUM).sum().cast("float64"),
        began=lambda t: t.began.any(),
    )
    return found.select(
        "user_id",
        "day",
        "count",
        mean=found.low + found.width * found.place / found["count"],
        began=found.began,
    )
