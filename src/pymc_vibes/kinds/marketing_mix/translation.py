"""From the settings of people to the forms and priors of the model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pymc_vibes.kinds.marketing_mix.canonical import Panel
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.options import (
    CoefficientPrior,
    DelayedAdstock,
    FixedAdstock,
    FixedSaturation,
    GeometricAdstock,
    HillSaturation,
    LogisticSaturation,
    MichaelisMentenSaturation,
    NoAdstock,
    NoSaturation,
    RoasPrior,
    SharedScalePrior,
    SharePrior,
    WeibullAdstock,
)
from pymc_vibes.kinds.marketing_mix.windows import Span

if TYPE_CHECKING:
    from pymc_vibes.stats.media_sampling import (
        EffectPrior,
        MediaForm,
        MediaPriors,
        ParameterPrior,
    )
    from pymc_vibes.stats.media_transforms import MediaSpec
    from pymc_vibes.stats.special import Array


def form_of(panel: Panel, columns: Sequence[str], config: MarketingMixConfig) -> "MediaForm":
    """Say what kind of model the settings mean."""
    from pymc_vibes.stats.media_sampling import MediaForm

    return MediaForm(
        channels=panel.channels,
        columns=tuple(columns),
        geos=panel.entities if len(panel.entities) > 1 else (),
        spec=spec_of(config),
        link=config.link,
        noise=config.noise,
        offset=offset_of(panel, config),
    )


def spec_of(config: MarketingMixConfig) -> "MediaSpec":
    """Give the form of the response; what is fixed is a form with parameters that are given."""
    from pymc_vibes.stats.media_transforms import MediaSpec

    adstock, saturation = config.adstock.kind, config.saturation.kind
    return MediaSpec(
        adstock="geometric" if adstock == "fixed" else adstock,
        saturation="hill" if saturation == "fixed" else saturation,
        max_lag=config.max_lag,
        normalized=adstock != "fixed",
    )


def offset_of(panel: Panel, config: MarketingMixConfig) -> float:
    """Give what is added to sales before their logarithm is taken."""
    if not config.takes_log:
        return 0.0
    if config.offset is not None:
        return config.offset
    return 0.0 if bool((panel.sales[panel.observed] > 0).all()) else 1.0


def priors_of(
    panel: Panel, span: Span, config: MarketingMixConfig, column_sd: "Array"
) -> "MediaPriors":
    """Give the priors in units of the model."""
    from pymc_vibes.stats.media_sampling import MediaPriors

    return MediaPriors(
        parameters={**_carry(panel, config), **_bend(config)},
        effects=_effects(panel, span, config),
        column_sd=column_sd,
        level_sd=config.priors.intercept,
        noise=config.priors.noise,
        tails=config.priors.tails,
        geo=config.priors.entity,
    )


def _carry(panel: Panel, config: MarketingMixConfig) -> "dict[str, ParameterPrior]":
    import numpy as np

    from pymc_vibes.stats.media_sampling import ParameterPrior

    match config.adstock:
        case GeometricAdstock(decay=decay):
            return {"decay": ParameterPrior("beta", decay.a, decay.b)}
        case DelayedAdstock(decay=decay, peak=peak):
            return {
                "decay": ParameterPrior("beta", decay.a, decay.b),
                "peak": ParameterPrior("half-normal", peak),
            }
        case WeibullAdstock(shape=shape, spread=spread):
            return {
                "shape": ParameterPrior("gamma", shape.shape, shape.rate),
                "spread": ParameterPrior("gamma", spread.shape, spread.rate),
            }
        case FixedAdstock(decay=usual, per_channel=own):
            given = np.array([own.get(channel, usual) for channel in panel.channels])
            return {"decay": ParameterPrior("given", given)}
        case NoAdstock():
            return {}


def _bend(config: MarketingMixConfig) -> "dict[str, ParameterPrior]":
    from pymc_vibes.stats.media_sampling import ParameterPrior

    match config.saturation:
        case LogisticSaturation(rate=rate):
            return {"half": ParameterPrior("gamma-rate", rate.shape, rate.rate)}
        case HillSaturation(half=half, slope=slope):
            return {
                "half": ParameterPrior("beta", half.a, half.b),
                "slope": ParameterPrior("gamma", slope.shape, slope.rate),
            }
        case MichaelisMentenSaturation(half=half):
            return {"half": ParameterPrior("beta", half.a, half.b)}
        case FixedSaturation(half=given, slope=steep):
            return {
                "half": ParameterPrior("given", given),
                "slope": ParameterPrior("given", steep),
            }
        case NoSaturation():
            return {}


def _effects(panel: Panel, span: Span, config: MarketingMixConfig) -> "EffectPrior":
    import numpy as np

    from pymc_vibes.stats.media_sampling import (
        HalfNormalEffects,
        LogNormalEffects,
        SharedScaleEffects,
        total_share,
    )

    many = len(panel.channels)
    match config.effect_prior:
        case SharedScalePrior(scale=scale):
            return SharedScaleEffects(scale)
        case CoefficientPrior(scale=scale):
            return HalfNormalEffects(np.full(many, scale))
        case SharePrior(median=median):
            return total_share(median, _parts(_spend_share(panel, span)))
        case RoasPrior(median=usual, log_sd=log_sd, per_channel=own):
            share = _spend_share(panel, span)
            paid = share > 0
            roas = np.array([own.get(channel, usual) for channel in panel.channels])
            unpaid = total_share(SharePrior().median, np.ones(many)).sd
            return LogNormalEffects(
                np.where(paid, roas * share, unpaid), np.where(paid, log_sd, 0.0)
            )


def _spend_share(panel: Panel, span: Span) -> "Array":
    """Give each channel's spend by sales over the fitted periods; 0 where it is not known."""
    import numpy as np

    fitted = slice(span.fit, span.end)
    known = panel.observed[:, fitted]
    sales = float(panel.sales[:, fitted][known].sum())
    spend = np.nan_to_num(panel.spend[:, fitted])[known].sum(axis=0)
    return np.asarray(spend / sales) if sales > 0 else np.zeros(len(spend))


def _parts(share: "Array") -> "Array":
    """Give every channel its part by spend; those without have the mean of the others."""
    import numpy as np

    paid = share > 0
    return np.where(paid, share, share[paid].mean()) if paid.any() else np.ones(len(share))
