"""Worlds whose demand nobody records, and experiments in them with the lifts that are true."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pymc_vibes.kinds.marketing_mix.effects import true_effects
from pymc_vibes.kinds.marketing_mix.samples import sample
from pymc_vibes.kinds.marketing_mix.world import confounded, simulate
from pymc_vibes.stats.media_effects import Link

if TYPE_CHECKING:
    import xarray as xr

CHANNEL = "digital"
WEEKS = 104
TESTS = ((20, 0.0), (50, 1.8), (80, 0.0))
"""Begin, and activity with the test as a multiple of that without it."""
LASTS, AFTERWARDS = 6, 4
ERROR = 0.1
"""Standard error of a readout, of the lift while the test lasts."""


@dataclass(frozen=True)
class Misled:
    """A channel that is bought when demand is high, and tests of it."""

    truth: "xr.Dataset"
    """With coefficients that hold whatever the activity is."""
    events: pa.Table
    experiments: list[dict[str, Any]]
    lifts: list[float]
    """What the readouts would be without their errors."""
    roas: dict[str, float]
    """True sales per money spent."""


def misled(seed: int, link: Link = "identity") -> Misled:
    """Make a world in which the history overstates a channel, with three tests of it."""
    rng = np.random.default_rng(seed)
    small, _ = sample()
    truth = confounded(small, CHANNEL, rng)
    fixed = _with_coefficients(truth, simulate(truth, WEEKS, rng)).assign_attrs(link=link)
    events = simulate(fixed, WEEKS, rng)
    effects = true_effects(fixed, events)
    found = [_tested(fixed, events, begin, factor, rng) for begin, factor in TESTS]
    roas = dict(zip(map(str, effects["channel"].values), effects["roas"].values, strict=True))
    return Misled(
        truth=fixed,
        events=events,
        experiments=[entry for entry, _ in found],
        lifts=[lift for _, lifts in found for lift in lifts],
        roas=roas,
    )


def _with_coefficients(truth: "xr.Dataset", events: pa.Table) -> "xr.Dataset":
    """Hold coefficients as they are in these rows, for in others the average effect differs."""
    ones = ("channel", np.ones(truth.sizes["channel"]))
    bent = true_effects(truth.drop_vars("average_effect").assign(coefficient=ones), events)
    average = bent["lost"].mean(("entity", "period")) / float(truth["size"].mean())
    coefficient = truth["average_effect"].to_numpy() / average.to_numpy()
    return truth.drop_vars("average_effect").assign(coefficient=("channel", coefficient))


def _tested(
    truth: "xr.Dataset", events: pa.Table, begin: int, factor: float, rng: np.random.Generator
) -> tuple[dict[str, Any], list[float]]:
    """Say what a test would have measured, and what is true."""
    name = f"act_{CHANNEL}"
    activity = events[name].to_numpy().copy()
    activity[begin : begin + LASTS] *= factor
    changed = events.set_column(events.column_names.index(name), name, pa.array(activity))
    tables = (changed, events)
    other, as_it_was = (true_effects(truth, t)["expected"].to_numpy()[0] for t in tables)
    lift, end = other - as_it_was, begin + LASTS
    inside, after = lift[begin:end].sum(), lift[end : end + AFTERWARDS].sum()
    sd = ERROR * abs(inside)
    entry = {
        "channel": CHANNEL, "grade": "randomized", "is_in_panel": False, "factor": factor,
        "first": day(events, begin), "last": day(events, end, -1),
        "lift": inside + sd * rng.normal(), "sd": sd,
        "after_last": day(events, end + AFTERWARDS, -1),
        "after_lift": after + sd * rng.normal(), "after_sd": sd,
    }  # fmt: skip
    return entry, [inside, after]


def day(events: pa.Table, week: int, more: int = 0) -> str:
    """Give the first day of a week, or so many days from it."""
    first: date = events["period_start"][0].as_py().date()
    return str(first + timedelta(days=7 * week + more))
