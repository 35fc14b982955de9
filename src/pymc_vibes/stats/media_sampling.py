"""A marketing mix as a model for the sampler's children, and what their chains say of it.

    MediaSeries of each geo, MediaForm, MediaPriors ──► brand_model ──► nuts.sample ──► brand_draws

Sales are measured in their mean (of a geo), activity in the largest of a channel per unit of sales
size: then priors depend on no unit, and geos of different size share one saturation. Nothing here
imports PyMC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from pymc_vibes.stats.media_effects import Link, MediaDraws, Noise
from pymc_vibes.stats.media_experiments import graph_data
from pymc_vibes.stats.media_transforms import MediaSpec, lagged, media_scale
from pymc_vibes.stats.nuts.model import Model

if TYPE_CHECKING:
    import xarray as xr

    from pymc_vibes.stats.media_experiments import Evidence
    from pymc_vibes.stats.nuts.model import Sampled
    from pymc_vibes.stats.special import Array

type Family = Literal["beta", "gamma", "gamma-rate", "half-normal", "given"]
type Tails = Literal["gamma", "exponential"]

_MODELS = "pymc_vibes.stats.media_model"
_INDICES = {"place", "lift_period"}
_TYPICAL_DECAY = 0.3  # of the rough fit that lays the axes
_HALF_NORMAL_SUMS = 100_000  # draws for the median of a sum: within 0.4 %


@dataclass(frozen=True, kw_only=True, eq=False)
class MediaSeries:
    """What was seen of a brand, or of a brand in one geo."""

    sales: "Array"
    """`(periods,)`, nan where they are not known; such periods are not fitted."""
    activity: "Array"
    """As it was measured, `(lags + periods, channels)`: it begins with its carry-in."""
    columns: "Array"
    """What else moves sales, 0 at its reference: controls, season, trend; `(periods, columns)`."""


@dataclass(frozen=True, eq=False)
class ParameterPrior:
    """The prior of one parameter of adstock or saturation, with two numbers per channel.

    beta(a, b), gamma(shape, rate), half-normal(sd, unused), given(value, unused), and gamma-rate:
    log 3 / half, the rate of logistic saturation, is gamma(shape, rate).
    """

    family: Family
    first: "Array | float"
    second: "Array | float" = 0.0


@dataclass(frozen=True, eq=False)
class HalfNormalEffects:
    """Average terms of channels are half-normal with these sds, `(channels,)`."""

    sd: "Array"


@dataclass(frozen=True, eq=False)
class LogNormalEffects:
    """Average terms are log-normal; half-normal with sd `median` where `log_sd` is 0."""

    median: "Array"
    log_sd: "Array"


@dataclass(frozen=True)
class SharedScaleEffects:
    """Coefficients are half-normal with one sd, which is half-normal with this."""

    scale: float = 0.5


type EffectPrior = HalfNormalEffects | LogNormalEffects | SharedScaleEffects


@dataclass(frozen=True, kw_only=True, eq=False)
class MediaPriors:
    """Priors in units of mean sales, or in log points under the log link."""

    parameters: Mapping[str, ParameterPrior]
    effects: EffectPrior
    column_sd: "Array"
    level_sd: float = 0.5
    noise: float = 0.3
    """Scale of the half-normal sd of noise."""
    tails: Tails = "gamma"
    """Degrees of freedom of Student-t noise: 2 more than Gamma(2, 0.1), or Exponential(1/10)."""
    geo: float = 0.5
    """Scale of the half-normal sd of effects of geos, on the log scale."""


@dataclass(frozen=True, kw_only=True)
class MediaForm:
    """What kind of model it is, and what its numbers are called."""

    channels: Sequence[str]
    columns: Sequence[str]
    geos: Sequence[str] = ()
    """Names of the series; none for a brand that is one series."""
    spec: MediaSpec = field(default_factory=MediaSpec)
    link: Link = "identity"
    noise: Noise = "student"
    offset: float = 0.0
    """Added to sales before their logarithm is taken."""

    def __post_init__(self) -> None:
        if self.link == "identity" and self.is_log_noise:
            raise ValueError("Noise of logarithms needs the log link.")

    @property
    def is_log_noise(self) -> bool:
        """Whether noise is added to the logarithm of sales."""
        return self.noise in {"lognormal", "log-student"}


def default_parameters(spec: MediaSpec) -> dict[str, ParameterPrior]:
    """Give the priors of adstock and saturation that the product has by default."""
    is_logistic = spec.saturation == "logistic"
    known = {
        "decay": ParameterPrior("beta", 1.0, 3.0),
        "peak": ParameterPrior("half-normal", 2.0),
        "shape": ParameterPrior("gamma", 4.0, 2.0),
        "spread": ParameterPrior("gamma", 2.0, 1.0),
        "half": ParameterPrior("gamma-rate", 3.0, 1.0)
        if is_logistic
        else ParameterPrior("beta", 2.0, 2.0),
        "slope": ParameterPrior("gamma", 8.0, 6.0),
    }
    return {name: known[name] for name in spec.parameters}


def total_share(median: float, weights: "Array") -> HalfNormalEffects:
    """Make all media together bring this share of sales at the prior's median.

    `weights` say how it is divided among channels beforehand, such as their part of spend.
    """
    part = weights / weights.sum()
    normal = np.random.default_rng(0).standard_normal((_HALF_NORMAL_SUMS, len(part)))
    return HalfNormalEffects(part * median / float(np.median(np.abs(normal) @ part)))


@dataclass(frozen=True, eq=False)
class Measure:
    """What a series is measured in."""

    unit: float
    """Sales of which the model says 1, or of whose logarithm it says 0."""
    scale: "Array"
    """Activity of which it says 1, `(channels,)`."""


def measures(series: Sequence[MediaSeries], form: MediaForm) -> tuple[Measure, ...]:
    """Give what every series is measured in."""
    mean = np.array([np.nanmean(one.sales) for one in series])
    size = mean / mean.mean()
    whole = np.concatenate([one.activity / z for one, z in zip(series, size, strict=True)])
    most = media_scale(whole)
    unit = mean
    if form.is_log_noise:
        unit = np.array([np.exp(np.nanmean(np.log(one.sales + form.offset))) for one in series])
    return tuple(Measure(float(u), most * z) for u, z in zip(unit, size, strict=True))


def brand_model(
    series: Sequence[MediaSeries],
    form: MediaForm,
    priors: MediaPriors,
    evidence: "Evidence | None" = None,
) -> Model:
    """Say what to sample; `series` has one element, or one per geo.

    `evidence` is of experiments with the brand as a whole, with activity in the `scale` of
    `measures`. Raises `ValueError` for evidence beside geos, and for a channel without any
    activity: nothing can be said of it.
    """
    if evidence is not None and form.geos:
        raise ValueError("Experiments are of the brand as a whole, so it must be one series.")
    for name, one in zip(form.channels, np.vstack([s.activity for s in series]).T, strict=True):
        if not one.any():
            raise ValueError(f"Channel {name} has no activity, so nothing can be said of it.")
    rows = _stacked(series, form)
    data = {
        **rows,
        **_column_data(rows, form, priors, levels=len(series)),
        **_effect_data(priors.effects, len(form.channels)),
        **_parameter_data(priors.parameters, len(form.channels)),
        "sigma_scale": np.array([priors.noise]),
    }
    if form.geos:
        data["geo_scale"] = np.array([priors.geo])
    if evidence is not None:
        data |= _evidence_data(evidence, series[0], measures(series, form)[0].unit)
    arrays = {n: np.array(a, np.int64 if n in _INDICES else np.float64) for n, a in data.items()}
    options = _options(form, priors) | ({"experiments": True} if evidence is not None else {})
    return Model(f"{_MODELS}:brand", options, arrays, _labels(form))


def _stacked(series: Sequence[MediaSeries], form: MediaForm) -> "dict[str, Array]":
    """Put the periods with known sales of all series below each other."""
    known = [np.isfinite(one.sales) for one in series]
    found = list(zip(series, measures(series, form), known, strict=True))
    levels = np.repeat(np.arange(len(series)), [k.sum() for k in known])
    y = np.concatenate([(one.sales[k] + form.offset) / m.unit for one, m, k in found])
    behind = [lagged(one.activity / m.scale, form.spec.lags)[k] for one, m, k in found]
    columns = np.concatenate([one.columns[k] for one, _, k in found])
    return {
        "y": np.log(y) if form.is_log_noise else y,
        "lagged": np.concatenate(behind),
        "columns": np.column_stack([np.eye(len(series))[levels], columns]),
        **({"place": levels} if form.geos else {}),
    }


def column_prior(form: MediaForm, priors: MediaPriors, *, levels: int) -> "tuple[Array, Array]":
    """Give center and sd of the normal prior of each level, then of each column.

    A level is about what sales are measured in: 1 of it, or 0 on the log scale.
    """
    count = len(form.columns)
    center = np.r_[np.full(levels, float(form.link == "identity")), np.zeros(count)]
    return center, np.r_[np.full(levels, priors.level_sd), np.broadcast_to(priors.column_sd, count)]


def _column_data(
    rows: "Mapping[str, Array]", form: MediaForm, priors: MediaPriors, *, levels: int
) -> "dict[str, Array]":
    """Give priors of columns, and the coordinates in which they are about standard normal."""
    center, sd = column_prior(form, priors, levels=levels)
    x, y = rows["columns"], rows["y"]
    if form.link == "log" and not form.is_log_noise:
        y = np.log(np.maximum(y, np.median(y) / 10))
    decay = _TYPICAL_DECAY ** np.arange(rows["lagged"].shape[2])
    beside = np.column_stack([x, np.sqrt(rows["lagged"] @ decay)])
    rest = y - beside @ np.linalg.lstsq(beside, y, rcond=None)[0]
    variance = max(rest @ rest / max(len(y) - beside.shape[1], 1), 1e-6)
    covariance = np.linalg.inv(x.T @ x / variance + np.diag(sd**-2))
    explained = covariance @ x.T / variance
    return {
        "column_center": center,
        "column_sd": sd,
        "start": center + explained @ (y - x @ center),
        "axes": np.linalg.cholesky(covariance),
        "explained": explained,
    }


def _evidence_data(evidence: "Evidence", series: MediaSeries, unit: float) -> "dict[str, Array]":
    """Give experiments with the columns of their periods, also of those without sales."""
    columns = series.columns[evidence.period]
    return {
        **graph_data(evidence),
        "lift_period": np.arange(len(columns)),
        "lift_columns": np.column_stack([np.ones(len(columns)), columns]),
        "sales_unit": np.array([unit]),
    }


def _effect_data(prior: EffectPrior, channels: int) -> "dict[str, Array]":
    if isinstance(prior, SharedScaleEffects):
        return {"effect_unit": np.full(channels, prior.scale)}
    if isinstance(prior, HalfNormalEffects):
        return {"effect_unit": prior.sd, "effect_log_sd": np.zeros(channels)}
    return {"effect_unit": prior.median, "effect_log_sd": prior.log_sd}


def _parameter_data(priors: Mapping[str, ParameterPrior], channels: int) -> "dict[str, Array]":
    return {
        f"{name}_prior": np.array(
            [np.broadcast_to(number, channels) for number in (prior.first, prior.second)]
        )
        for name, prior in priors.items()
    }


def _options(form: MediaForm, priors: MediaPriors) -> dict[str, object]:
    spec = form.spec
    return {
        "adstock": spec.adstock,
        "saturation": spec.saturation,
        "normalized": spec.normalized,
        "families": {name: priors.parameters[name].family for name in spec.parameters},
        "link": form.link,
        "log_noise": form.is_log_noise,
        "tails": priors.tails if "student" in form.noise else "none",
        "effects": "shared-scale" if isinstance(priors.effects, SharedScaleEffects) else "average",
        "geos": bool(form.geos),
    }


def _labels(form: MediaForm) -> dict[str, Sequence[str]]:
    levels = [f"level {geo}" for geo in form.geos] or ["level"]
    geos = {"geo": list(form.geos)} if form.geos else {}
    return {"channel": list(form.channels), "column": [*levels, *form.columns], **geos}


def brand_draws(
    sampled: "Sampled", series: Sequence[MediaSeries], form: MediaForm, priors: MediaPriors
) -> tuple[MediaDraws, ...]:
    """Read the chains of a brand's model, series by series."""
    posterior = sampled.tree["posterior"].to_dataset()
    shared = {name: _drawn(posterior, name, priors, form) for name in form.spec.parameters}
    coefficients = joined(posterior["coefficients"], "column")
    columns, levels = coefficients[:, len(series) :], coefficients[:, : len(series)]
    found = []
    for at, (one, measure) in enumerate(zip(series, measures(series, form), strict=True)):
        chains = posterior["geo_effect"].isel(geo=at) if form.geos else posterior["effect"]
        found.append(
            MediaDraws(
                spec=form.spec,
                link=form.link,
                noise=form.noise,
                channels=tuple(form.channels),
                scale=measure.scale,
                params={**shared, "effect": joined(chains, "channel")},
                baseline=levels[:, at : at + 1] + columns @ one.columns.T,
                sigma=joined(posterior["sigma"]),
                nu=joined(posterior["nu"]) if "nu" in posterior else None,
                unit=measure.unit,
                offset=form.offset,
            )
        )
    return tuple(found)


def _drawn(posterior: "xr.Dataset", name: str, priors: MediaPriors, form: MediaForm) -> "Array":
    if name in posterior:
        return joined(posterior[name], "channel")
    draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    return np.array(np.broadcast_to(priors.parameters[name].first, (draws, len(form.channels))))


def joined(chains: "xr.DataArray", *dims: str) -> "Array":
    """Put chain after chain."""
    ordered = np.asarray(chains.transpose("chain", "draw", *dims).to_numpy(), dtype=float)
    return ordered.reshape(-1, *ordered.shape[2:])
