"""The world of interrupted series, and its measurements."""

from typing import TYPE_CHECKING

from pymc_vibes.core.config import GivenScale
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.interrupted_series.cells import PART_HOURS
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.kinds.interrupted_series.model import day_number, model_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import xarray as xr

    from pymc_vibes.stats.special import Array

_PEOPLE = ("ana", "ben")
_DAYS_BEFORE, _DAYS_AFTER = 42, 42  # six weeks on each side
_OBSERVED = 0.93  # chance that a day has rows at all
_AWAKE = (7 * 3600, 22 * 3600)
_PARTS = 3  # of a day that is measured from 7 to 22 hours, by quarters


def truth(config: InterruptedConfig, rng: "np.random.Generator") -> "xr.Dataset":
    """Draw level, weekdays, parts of the day, trend, effect and noise of two people from the prior.

    Raises `BadConfig` for settings that no world can be made of.
    """
    import numpy as np
    import xarray as xr

    from pymc_vibes.stats.interrupted import EFFECTS
    from pymc_vibes.stats.series import Window
    from pymc_vibes.stats.terms import design

    scale = _check(config)
    change = day_number(config.intervention_date) if config.intervention_date else 0.0
    window = Window(change - _DAYS_BEFORE, change, change + _DAYS_AFTER, onset=config.onset_days)
    model, many = model_of(config, window), len(_PEOPLE)
    sigma = scale.spread * np.sqrt(scale.weight / rng.chisquare(scale.weight, many))
    terms = rng.standard_normal((many, len(model.sds))) * model.sds * sigma[:, None]
    days = np.arange(window.first, window.end)
    rows = design(days, window, model)
    path = scale.center + terms @ rows.T
    effect = terms[:, model.expected :] @ rows[days >= change, model.expected :].T
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
    part_sd = model.part_sd * sigma if config.include_time_of_day else 0.0 * sigma
    quarters = ("user", "quarter"), _quarters(part_sd, rng)
    return xr.Dataset(
        {**named, **noise, "path": (("user", "day"), path), "quarters": quarters},
        coords={"user": np.array(_PEOPLE, dtype=object), "day": days},
        attrs={"change": change},
    )


def _quarters(part_sd: "Array", rng: "np.random.Generator") -> "Array":
    """Draw what each quarter of the day deviates by, `(users, quarters)`; nights are not seen."""
    import numpy as np

    from pymc_vibes.stats.terms import contrasts

    found = np.zeros((len(part_sd), 24 // PART_HOURS))
    apart = rng.standard_normal((len(part_sd), _PARTS - 1)) * part_sd[:, None]
    found[:, -_PARTS:] = apart @ contrasts(_PARTS).T
    return found


def _check(config: InterruptedConfig) -> GivenScale:
    if config.intervention_date is None or not isinstance(config.scale, GivenScale):
        raise BadConfig(
            "A world needs the date of its change, and priors with a center and a spread.",
            hint="Set intervention_date and scale.center, scale.spread.",
        )
    wanted = {
        "controls": bool(config.controls),
        "intervention_end": config.intervention_end is not None,
        "other_changes": bool(config.other_changes),
        "outcome_type": config.outcome_type == "count",
    }
    if missing := [name for name, is_set in wanted.items() if is_set]:
        raise BadConfig(
            f"Worlds do not have {missing[0]}.",
            hint="Leave it out to simulate.",
            fields=[{"field": name, "reason": "is not simulated"} for name in missing],
        )
    return config.scale


def simulate(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Measure both people on most of 84 days, about `size` times in all but at least once a day."""
    import numpy as np
    import pyarrow as pa

    from pymc_vibes.stats.autoregression import state_path

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
        state = state_path(len(days), float(one["phi"]), rng) * np.sqrt(float(one["share"]))
        level = one["path"].to_numpy() + float(one["sigma"]) * state
        white = float(one["sigma"]) * np.sqrt((1 - float(one["share"])) * count[seen].mean())
        at = np.repeat(np.arange(len(days)), count)
        seconds = np.sort(rng.integers(*_AWAKE, len(at)) + 86_400 * days[at].astype(int))
        quarter = seconds % 86_400 // (3600 * PART_HOURS)
        noise = white * rng.standard_normal(len(at))
        what.append(level[at] + one["quarters"].to_numpy()[quarter] + noise)
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
