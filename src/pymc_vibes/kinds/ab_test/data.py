"""The world of an A/B test, its events, and their reduction to counts per variant."""

from typing import TYPE_CHECKING

from pymc_vibes.kinds.ab_test.config import ABTestConfig
from pymc_vibes.stats.events import column_or_null, within

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy as np
    import pyarrow as pa
    import xarray as xr

_DAYS = 14  # two whole weeks, as a sound test would run


def truth(config: ABTestConfig, rng: "np.random.Generator") -> "xr.Dataset":
    """Draw the variants' conversion rates from the prior; shares are those of the plan."""
    import numpy as np
    import xarray as xr

    planned = config.expected_split or {config.control or "A": 1.0, "B": 1.0}
    shares = np.array(list(planned.values()), dtype=float)
    rates = rng.beta(*config.prior.shapes(), size=len(planned))
    return xr.Dataset(
        {"rate": ("variant", rates, {"unit": "conversions per unit"})},
        coords={"variant": list(planned), "share": ("variant", shares / shares.sum())},
    )


def simulate(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Make `size` units, each assigned at random by the planned shares, seen once in two weeks."""
    import numpy as np
    import pyarrow as pa

    variants = truth["variant"].to_numpy()
    chosen = rng.choice(len(variants), size=size, p=truth["share"].to_numpy())
    seconds = np.sort(rng.integers(0, _DAYS * 86_400, size=size))
    return pa.table(
        {
            "timestamp": np.datetime64("2025-03-03", "us") + seconds.astype("timedelta64[s]"),
            "unit_id": [f"u{number:07d}" for number in range(1, size + 1)],
            "variant": [str(variants[i]) for i in chosen],
            "converted": rng.random(size) < truth["rate"].to_numpy()[chosen],
        }
    )


def reduce(events: "ir.Table", roster: "ir.Table | None", config: ABTestConfig) -> "ir.Table":
    """Count units and conversions per variant.

    A unit is counted once however many rows it has; one seen in several variants is left out of
    both counts and appears in `shared` of one of them. `unnamed` are the units without a `unit_id`.
    """
    rows = _outcomes(within(events, config.start, config.end))
    counts = _named(rows).union(_unnamed(rows))
    columns = ("trials", "successes", "shared", "unnamed")
    cells = counts.group_by("variant").agg(
        **{name: counts[name].sum().cast("int64") for name in columns}
    )
    if roster is not None:
        names = roster.select(variant=roster.variant.cast("string")).distinct()
        joined = names.left_join(cells, "variant")
        cells = joined.select("variant", **{n: joined[n].fill_null(0) for n in columns})
    return cells.order_by("variant")


def _outcomes(events: "ir.Table") -> "ir.Table":
    import ibis

    trials = column_or_null(events, "trials", "int64")
    successes = column_or_null(events, "successes", "int64")
    converted = column_or_null(events, "converted", "boolean").cast("int64")
    aggregated = trials.notnull() & successes.notnull()
    return events.select(
        variant=events.variant.cast("string"),
        unit_id=column_or_null(events, "unit_id", "string"),
        trials=ibis.ifelse(aggregated, trials, 1),
        successes=ibis.ifelse(aggregated, successes, converted),
    )


def _named(rows: "ir.Table") -> "ir.Table":
    import ibis

    named = rows.filter(rows.unit_id.notnull())
    units = named.group_by("unit_id").agg(
        variant=named.variant.min(), other=named.variant.max(), most=named.successes.max()
    )
    alone = units.variant == units.other
    return units.group_by("variant").agg(
        trials=alone.sum().cast("int64"),
        successes=(alone & (units.most > 0)).sum().cast("int64"),
        shared=(~alone).sum().cast("int64"),
        unnamed=ibis.literal(0, "int64"),
    )


def _unnamed(rows: "ir.Table") -> "ir.Table":
    import ibis

    unnamed = rows.filter(rows.unit_id.isnull())
    return unnamed.group_by("variant").agg(
        trials=unnamed.trials.sum().cast("int64"),
        successes=unnamed.successes.sum().cast("int64"),
        shared=ibis.literal(0, "int64"),
        unnamed=unnamed.trials.sum().cast("int64"),
    )
