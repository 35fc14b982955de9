"""Twenty regions of one brand together: how long we take, and what is asked of the fit afterwards.

The world is the large sample that ships, whose truth is known. PyMC-Marketing needs minutes for it.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.report import Row, median_seconds, seconds
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.marketing_mix.effects import true_effects
from pymc_vibes.kinds.marketing_mix.market import season
from pymc_vibes.kinds.marketing_mix.samples import regions as sample_of_regions
from pymc_vibes.stats import media_sampling as mix
from pymc_vibes.stats import nuts
from pymc_vibes.stats.media_effects import (
    MediaDraws,
    Window,
    contributions,
    marginal_returns,
    response_curve,
    returns,
)
from pymc_vibes.stats.media_transforms import MediaSpec, with_carry_in, z_scores
from pymc_vibes.stats.special import Array

_SPEC = MediaSpec(max_lag=8)


def run(*, quick: bool) -> tuple[str, list[Row]]:
    """Measure fit and questions; quickly two regions and few weeks."""
    title = "Marketing mix of twenty regions"
    return title, _rows(2, 60, 400) if quick else _rows(20, 156, 1000)


def _rows(regions: int, weeks: int, draws: int) -> list[Row]:
    """Fit twice, the second time with other weeks, and ask for contributions, returns, curves."""
    truth, events = sample_of_regions()
    known = true_effects(truth, events)
    names = truth["entity"].to_numpy()[:regions].tolist()
    series = [_series(events, name, truth["channel"].to_numpy().tolist()) for name in names]
    took, found = _fit([_first(one, weeks - 4) for one in series], names, draws)
    again, found = _fit([_first(one, weeks) for one in series], names, draws)
    sampled, media, seen = found
    brought = sum(_brought(one, series.activity) for one, series in zip(media, seen, strict=True))
    true = known["lost"].to_numpy()[:regions, :weeks].sum(axis=(0, 1))
    told = sampled.diagnostics
    low, high = np.quantile(brought, [0.05, 0.95], axis=0)
    inside, error = (low <= true) & (true <= high), np.abs(np.mean(brought, 0) - true).sum()
    shape = f"{regions} regions x {len(true)} channels x {weeks} weeks"
    fitted = Row(
        work=f"{shape}: first fit, refit",
        ours=f"{seconds(took)}, {seconds(again)}; {told.ess_bulk_min:,.0f} effective draws, "
        f"R-hat {told.r_hat_max:.3f}, {len(told.attempts)} attempt(s)",
    )
    right = Row(
        work="contributions of all regions: error, share in 90 % intervals",
        ours=f"{100 * error / true.sum():.1f} % of sales by media, {inside.sum()} of {len(true)}",
    )
    return [fitted, right, *_asked(media[0], seen[0].activity, shape)]


def _series(events: Any, name: str, channels: Sequence[str]) -> mix.MediaSeries:
    """Read a region's rows in the order of time, with nothing before the first."""
    here = events.filter(np.array(events["entity_id"].to_pylist(), dtype=object) == name)
    here = here.sort_by("period_start")
    days = here["period_start"].to_numpy().astype("datetime64[D]").astype(np.int64)
    acted = np.column_stack([here[f"act_{channel}"].to_numpy() for channel in channels])
    controls = np.column_stack([here[f"ctrl_{n}"].to_numpy() for n in ("price", "promo")])
    line = np.linspace(-0.5, 0.5, len(days))
    return mix.MediaSeries(
        sales=here["sales"].to_numpy(),
        activity=with_carry_in(acted[:0], acted, _SPEC.lags),
        columns=np.column_stack([z_scores(controls)[0], season(days, 4), line]),
    )


def _first(one: mix.MediaSeries, weeks: int) -> mix.MediaSeries:
    acted = one.activity[: _SPEC.lags + weeks]
    return mix.MediaSeries(sales=one.sales[:weeks], activity=acted, columns=one.columns[:weeks])


def _fit(series: list[mix.MediaSeries], names: list[str], draws: int) -> tuple[float, Any]:
    begin = time.perf_counter()
    channels = series[0].activity.shape[1]
    form = mix.MediaForm(
        channels=[f"m{c}" for c in range(channels)],
        columns=["price", "promo", *(f"wave {w}" for w in range(4)), "trend"],
        geos=names,
        spec=_SPEC,
    )
    priors = mix.MediaPriors(
        parameters=mix.default_parameters(_SPEC),
        effects=mix.total_share(0.2, np.ones(channels)),
        column_sd=np.full(7, 0.3),
    )
    settings = nuts.SamplerSettings(draws=draws, tune=draws)
    sampled = nuts.sample(mix.brand_model(series, form, priors), settings, NOBODY)
    media = mix.brand_draws(sampled, series, form, priors)
    return time.perf_counter() - begin, (sampled, media, series)


def _brought(draws: MediaDraws, acted: Array) -> Array:
    return contributions(draws, draws.terms(acted)).lost.sum(1)


def _asked(draws: MediaDraws, acted: Array, shape: str) -> list[Row]:
    """Time what is asked of one region, all draws of all channels."""
    weeks, channels = draws.baseline.shape[1], len(draws.channels)
    window = Window(activity=acted, start=weeks // 3, stop=2 * weeks // 3)
    spend = np.ones(channels)
    steps = np.linspace(0, acted[:, 0].max() * 1.2, 50)
    works: dict[str, Callable[[], object]] = {
        "contributions of all weeks": lambda: contributions(draws, draws.terms(acted)),
        "returns of a window": lambda: returns(draws, window, spend),
        "marginal returns of it": lambda: marginal_returns(draws, window, spend),
        "response curves, 50 points each": lambda: [
            response_curve(draws, acted, channel, at=steps) for channel in range(channels)
        ],
    }
    return [
        Row(
            work=f"one of {shape}: {name}, {len(draws.sigma):,} draws",
            ours=seconds(median_seconds(work, repeats=5)),
        )
        for name, work in works.items()
    ]
