"""Worlds of media whose truth is known."""

from dataclasses import dataclass, replace

import numpy as np

from pymc_vibes.stats.media_effects import Link, MediaDraws, Noise, predicted
from pymc_vibes.stats.media_sampling import (
    EffectPrior,
    MediaForm,
    MediaPriors,
    MediaSeries,
    default_parameters,
    total_share,
)
from pymc_vibes.stats.media_transforms import MediaSpec, fourier, trend, z_scores
from pymc_vibes.stats.special import Array


@dataclass(frozen=True, eq=False)
class World:
    """What is seen, and the one draw that is the truth."""

    series: tuple[MediaSeries, ...]
    form: MediaForm
    priors: MediaPriors
    truth: tuple[MediaDraws, ...]


def activity(rows: int, channels: int, rng: np.random.Generator) -> Array:
    """Simulate weeks of flights and of steady activity with bursts, in units of their own."""
    steady = rng.gamma(4.0, 0.25, (rows, channels))
    flights = np.repeat(rng.random((rows // 4 + 1, channels)) < 0.5, 4, axis=0)[:rows]
    is_steady = np.arange(channels) % 2 == 0
    bursts = flights * rng.gamma(3.0, 0.5, (rows, channels))
    units = 10.0 ** (np.arange(channels) % 3)
    return np.asarray(np.where(is_steady, steady, bursts) * units)


def beside(periods: int, rng: np.random.Generator) -> tuple[Array, list[str]]:
    """Give two controls, a season of two waves and a trend."""
    price = np.cumsum(rng.standard_normal(periods)) * 0.3
    promotion = (rng.random(periods) < 0.15).astype(float)
    controls, _ = z_scores(np.column_stack([price, promotion]))
    line = trend(periods) - 0.5
    names = ["price", "promotion", "sin 1", "cos 1", "sin 2", "cos 2", "trend"]
    return np.column_stack([controls, fourier(np.arange(1.0 * periods), 52.0, 2), line]), names


def world(
    seed: int,
    *,
    periods: int = 104,
    channels: int = 3,
    spec: MediaSpec | None = None,
    link: Link = "identity",
    noise: Noise = "normal",
    silent: int | None = None,
    noise_sd: float = 0.04,
    effects: EffectPrior | None = None,
) -> World:
    """Simulate a brand; a `silent` channel has activity but no effect."""
    rng = np.random.default_rng(seed)
    spec = spec or MediaSpec()
    acted = activity(periods + spec.lags, channels, rng)
    columns, names = beside(periods, rng)
    shares = rng.uniform(0.04, 0.12, (1, channels)) * (np.arange(channels) != silent)
    level = 1 - shares.sum() if link == "identity" else 0.0
    truth = MediaDraws(
        spec=spec,
        link=link,
        noise=noise,
        channels=tuple(f"channel {c}" for c in range(channels)),
        scale=acted.max(0),
        params=_params(channels, rng),
        baseline=(level + columns @ rng.normal(0, 0.05, columns.shape[1]))[None],
        sigma=np.array([noise_sd]),
        nu=np.array([6.0]) if "student" in noise else None,
        unit=5000.0,
    )
    truth.params["effect"][:] = shares / truth.terms(acted).mean(1)
    form = MediaForm(channels=truth.channels, columns=names, spec=spec, link=link, noise=noise)
    priors = MediaPriors(
        parameters=default_parameters(spec),
        effects=effects or total_share(0.2, np.ones(channels)),
        column_sd=np.array([0.3] * 6 + [0.5]),
    )
    seen = MediaSeries(sales=_seen(truth, acted, rng), activity=acted, columns=columns)
    return World((seen,), form, priors, (truth,))


def _params(channels: int, rng: np.random.Generator) -> dict[str, Array]:
    """Give what any adstock and saturation need, and coefficients of 1."""
    size = (1, channels)
    return {
        "decay": rng.uniform(0.1, 0.7, size),
        "peak": rng.uniform(0.5, 2.0, size),
        "shape": rng.uniform(1.0, 2.5, size),
        "spread": rng.uniform(1.0, 3.0, size),
        "half": rng.uniform(0.25, 0.7, size),
        "slope": rng.uniform(1.0, 1.6, size),
        "effect": np.ones(size),
    }


def _seen(truth: MediaDraws, acted: Array, rng: np.random.Generator) -> Array:
    return np.asarray(predicted(truth, truth.baseline + truth.terms(acted).sum(2), rng)[0])


def geo_world(seed: int, *, geos: int, periods: int, channels: int = 2) -> World:
    """Simulate geos of different size whose channels differ by about a quarter in effect."""
    rng = np.random.default_rng(seed)
    first = world(seed, periods=periods, channels=channels)
    common = first.truth[0]
    series, truth = [], []
    for size in rng.uniform(0.3, 3.0, geos):
        acted = size * activity(periods + common.spec.lags, channels, rng)
        away = np.exp(0.25 * rng.standard_normal((1, channels)))
        own = replace(
            common,
            scale=size * common.scale,
            unit=size * common.unit,
            params={**common.params, "effect": common.params["effect"] * away},
        )
        columns = first.series[0].columns
        series.append(MediaSeries(sales=_seen(own, acted, rng), activity=acted, columns=columns))
        truth.append(own)
    form = replace(first.form, geos=tuple(f"geo {g}" for g in range(geos)))
    return World(tuple(series), form, first.priors, tuple(truth))
