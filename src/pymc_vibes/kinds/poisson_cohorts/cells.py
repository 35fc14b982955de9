"""From events to cells: one row per cohort and event, computed where the events live.

A cell's exposure is the window's length, or the sum of the exposures of its own rows: the rows of a
cohort and another event do not add to it. Beside count and exposure a cell keeps five sums over
equal periods of the window, from which `stats.dispersion` tells whether counts vary too much.
Fractions are summed as decimals, so that the order of rows cannot change a bit of the result. An
exposure is two decimals, its first 15 digits after the point and what is left of it: one alone
would cut small exposures short.

Over time a cell is one period of one cohort, of the one event that is asked for: the counts of the
most frequent cohorts (or of the one that is named), with a row for every period of the window.
"""

from typing import TYPE_CHECKING

from pymc_vibes.kinds.poisson_cohorts.settings import SECONDS, RateConfig
from pymc_vibes.stats.events import within

if TYPE_CHECKING:
    import ibis.expr.types as ir

KEY = ("cohort", "event")
SUMS = ("k", "exposure", "rows", "bare", "buckets", "squares", "cross", "w2", "w3", "w4")
FOLLOWED = {"piecewise": 12, "change-point": 500}
"""Most frequent cohorts that are followed over time: as many as can be seen, or be listed."""
_EXPOSURE = "decimal(38, 15)"
_FINE = 1e15  # units of the last digit above in one
_SHARE = "decimal(38, 18)"
_COUNT = "decimal(38, 0)"


def reduce(events: "ir.Table", roster: "ir.Table | None", config: RateConfig) -> "ir.Table":
    """Count every pair of a known cohort and a known event; a pair without rows has count 0."""
    if config.is_over_time:
        return reduce_periods(events, roster, config)
    seen = (events if roster is None else roster).select(*KEY)
    pairs = seen.select("cohort").distinct().cross_join(seen.select("event").distinct())
    buckets = counted(events, config, config.bucket[1])
    sums = _measured(buckets) if config.measured else _windowed(buckets, config)
    joined = pairs.left_join(sums, list(KEY)).drop("cohort_right", "event_right")
    filled = {name: joined[name].fill_null(0) for name in joined.columns if name not in KEY}
    constants = {} if config.measured else _window_shares(config)
    return joined.mutate(**(filled | constants)).select(*KEY, *SUMS).order_by(list(KEY))


def counted(events: "ir.Table", config: RateConfig, width: int) -> "ir.Table":
    """Count per cohort, event and bucket of `width` seconds of the window."""
    import ibis

    inside = within(events, *config.window)
    epoch = int(config.window[0].timestamp())
    elapsed = inside.timestamp.epoch_seconds() - ibis.literal(epoch)
    count = inside["count"].fill_null(1) if "count" in inside.columns else ibis.literal(1)
    columns = {"bucket": elapsed // ibis.literal(width), "count": count}
    if config.measured:
        coarse = inside.exposure.cast(_EXPOSURE)
        columns["coarse"] = coarse
        columns["fine"] = ((inside.exposure - coarse.cast("float64")) * _FINE).cast(_SHARE)
    rows = inside.select("cohort", "event", **columns)
    sums = {"k": rows["count"].sum(), "rows": rows.count()}
    if config.measured:
        sums |= {"coarse": rows.coarse.sum(), "fine": rows.fine.sum()}
        sums["bare"] = rows.coarse.isnull().sum()
    return rows.group_by(*KEY, "bucket").agg(**sums)


def _windowed(buckets: "ir.Table", config: RateConfig) -> "ir.Table":
    import ibis

    full, last, count = _shares(config)
    share = (buckets.bucket == count - 1).ifelse(ibis.literal(last), ibis.literal(full))
    return _sums(buckets.mutate(share=share.cast(_SHARE)))


def _measured(buckets: "ir.Table") -> "ir.Table":
    total = buckets.group_by(*KEY).agg(
        total=_exposure(buckets.coarse.sum(), buckets.fine.sum()),
        missing=buckets.bare.sum().cast("int64"),
    )
    with_total = buckets.inner_join(total, list(KEY))
    part = _exposure(with_total.coarse, with_total.fine)
    share = (part / with_total.total.nullif(0)).fill_null(0)
    shared = with_total.mutate(share=share.cast(_SHARE))
    powers = {
        f"p{power}": (shared.share.cast("float64") ** power).cast(_SHARE) for power in (2, 3, 4)
    }
    shared = shared.mutate(**powers)
    return _sums(
        shared,
        exposure=shared.total.max(),
        bare=shared.missing.max(),
        buckets=shared.count(),
        w2=shared.p2.sum().cast("float64"),
        w3=shared.p3.sum().cast("float64"),
        w4=shared.p4.sum().cast("float64"),
    )


def _exposure(coarse: "ir.Value", fine: "ir.Value") -> "ir.Value":
    return coarse.cast("float64") + fine.cast("float64") / _FINE


def _sums(shared: "ir.Table", **more: "ir.Scalar") -> "ir.Table":
    count = shared.k.cast("float64")
    return shared.group_by(*KEY).agg(
        k=shared.k.sum().cast("int64"),
        rows=shared.rows.sum().cast("int64"),
        squares=(count * count).cast(_COUNT).sum().cast("float64"),
        cross=(count * shared.share.cast("float64")).cast(_SHARE).sum().cast("float64"),
        **more,
    )


def _shares(config: RateConfig) -> tuple[float, float, int]:
    """Give the share of a full period, that of the last (maybe partial) one, and their number."""
    start, end = config.window
    seconds = (end - start).total_seconds()
    width = config.bucket[1]
    full = int(seconds // width)
    rest = seconds - full * width
    if rest <= 0:
        return width / seconds, width / seconds, full
    return width / seconds, rest / seconds, full + 1


def _window_shares(config: RateConfig) -> "dict[str, ir.Value]":
    import ibis

    full, last, count = _shares(config)
    powers = {f"w{m}": (count - 1) * full**m + last**m for m in (2, 3, 4)}
    numbers = {"exposure": config.length, **powers}
    return {
        "bare": ibis.literal(0, type="int64"),
        "buckets": ibis.literal(count, type="int64"),
        **{name: ibis.literal(value, type="float64") for name, value in numbers.items()},
    }


def reduce_periods(events: "ir.Table", roster: "ir.Table | None", config: RateConfig) -> "ir.Table":
    """Count every period of the cohorts followed, for one event; a silent period has count 0."""
    import ibis

    _, width, count = config.periods
    buckets = counted(events, config, width)
    chosen = _followed(events if roster is None else roster, buckets, config)
    indices = ibis.range(0, count).unnest().cast("int64").name("period").as_table()
    joined = chosen.cross_join(indices).left_join(
        buckets, [*KEY, ("period", buckets.bucket.cast("int64"))]
    )
    length = _length(joined.period, config)
    exposure = _exposure(joined.coarse, joined.fine).fill_null(0) if config.measured else length
    bare = joined.bare.fill_null(0).cast("int64") if config.measured else ibis.literal(0, "int64")
    return joined.select(
        *KEY,
        "period",
        "cohorts",
        k=joined.k.fill_null(0).cast("int64"),
        exposure=exposure,
        rows=joined.rows.fill_null(0).cast("int64"),
        bare=bare,
    ).order_by([*KEY, "period"])


def _followed(seen: "ir.Table", buckets: "ir.Table", config: RateConfig) -> "ir.Table":
    """Give the cohorts to follow and their one event, and how many cohorts there are."""
    import ibis

    totals = buckets.group_by(*KEY).agg(k=buckets.k.sum().cast("int64"))
    known = seen.select(*KEY).distinct()
    event = _event(known, totals, config)
    everybody = known.select("cohort").distinct()
    size = everybody.aggregate(cohorts=everybody.count())
    pairs = everybody.cross_join(event).cross_join(size).left_join(totals, list(KEY))
    pairs = pairs.select(*KEY, "cohorts", k=pairs.k.fill_null(0))
    if config.cohort is not None:
        pairs = pairs.filter(pairs.cohort == config.cohort)
    first = pairs.order_by([ibis.desc("k"), "cohort"]).limit(FOLLOWED[config.model])
    return first.select(*KEY, "cohorts")


def _event(known: "ir.Table", totals: "ir.Table", config: RateConfig) -> "ir.Table":
    """Give the event that is asked for, else the most frequent one: one row, or none."""
    import ibis

    events = known.select("event").distinct()
    if config.event is not None:
        return events.filter(events.event == config.event)
    sums = totals.group_by("event").agg(k=totals.k.sum())
    joined = events.left_join(sums, "event")
    ranked = joined.select("event", k=joined.k.fill_null(0))
    return ranked.order_by([ibis.desc("k"), "event"]).limit(1).select("event")


def _length(period: "ir.Value", config: RateConfig) -> "ir.Value":
    """Give the length of a period in the unit of time; the last may be shorter."""
    import ibis

    _, width, count = config.periods
    start, end = config.window
    last = (end - start).total_seconds() - width * (count - 1)
    unit = SECONDS[config.unit]
    full = ibis.literal(width / unit, type="float64")
    return (period == count - 1).ifelse(ibis.literal(last / unit, type="float64"), full)
