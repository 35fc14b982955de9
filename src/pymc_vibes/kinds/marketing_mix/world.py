"""Worlds of known truth: parameters from the priors, and the rows of a market that obeys them.

A world's numbers are those of the model: activity in units of a channel's largest, sales in units
of an entity's size. What a channel is worth is the mean of its term, and its coefficient follows
from the activity there was, as in the model.
"""

from typing import TYPE_CHECKING, Any

from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.market import Market, expected_sales
from pymc_vibes.kinds.marketing_mix.options import (
    Adstock,
    DelayedAdstock,
    EffectPrior,
    FixedAdstock,
    FixedSaturation,
    GammaShape,
    GeometricAdstock,
    HillSaturation,
    LogisticSaturation,
    MichaelisMentenSaturation,
    NoAdstock,
    NoSaturation,
    Saturation,
    WeibullAdstock,
)
from pymc_vibes.kinds.marketing_mix.plans import SPEND_NOISE, STYLES, controls_of, plans
from pymc_vibes.kinds.marketing_mix.schema import channel_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import xarray as xr

    from pymc_vibes.stats.special import Array

CHANNELS = ("digital", "social", "tv")
CONTROLS = ("price", "promo")
FIRST_DAY = "2023-01-02"  # a Monday
LEAST_PERIODS = 8
STEPS = 1200
"""Periods of hidden demand that a world knows."""
_SIZE = 100_000.0
_SPEND_SHARE = 0.04  # of sales, for each channel
_MEMORY = 0.9  # of hidden demand from a period to the next
_STEP_DAYS = {"auto": 7, "week": 7, "day": 1, "month": 7}


def truth(config: MarketingMixConfig, rng: "np.random.Generator") -> "xr.Dataset":
    """Draw a market from the prior: three channels and two controls, or those that are named."""
    import numpy as np
    import xarray as xr

    channels = tuple(sorted(map(channel_of, config.drivers))) if config.drivers else CHANNELS
    entities = ("north", "south", "west") if config.panel == "entities" else ("brand_total",)
    many, priors = len(channels), config.priors
    size = _SIZE * np.exp(rng.normal(0, 0.5, len(entities))) if len(entities) > 1 else [_SIZE]
    spread = abs(rng.normal(0, priors.entity)) if len(entities) > 1 else 0.0
    effect, name = _effects(config.effect_prior, many, rng)
    is_log = config.link == "log"
    found: dict[str, Any] = {
        "size": ("entity", np.asarray(size, dtype=float)),
        name: ("channel", effect),
        "entity_effect": (("entity", "channel"), rng.normal(0, 1, (len(entities), many)) * spread),
        "level": 0.0 if is_log else 1 - float(effect.sum()) * (name == "average_effect"),
        "control_effect": ("control", rng.normal(0, priors.control / 4, len(CONTROLS))),
        "season": ("wave", rng.normal(0, priors.season / 4, 2 * config.harmonics)),
        "trend": rng.normal(0, priors.trend / 4) * (config.trend.kind != "none"),
        "sigma": abs(rng.normal(0, priors.noise / 4)),
        "nu": 2 + rng.gamma(2, 10),
        "spend_share": ("channel", np.full(many, _SPEND_SHARE)),
        "media_scale": ("channel", 10.0 ** rng.integers(3, 7, many)),
        "style": ("channel", np.array([STYLES[c % 3] for c in range(many)], dtype=object)),
        "demand": ("step", np.zeros(STEPS)),
        "demand_effect": 0.0,
        "demand_pull": ("channel", np.zeros(many)),
    }
    shapes = {**_carries(config.adstock, channels, rng), **_bends(config.saturation, many, rng)}
    found |= {n: ("channel", v) for n, v in shapes.items()}
    coords = {
        "entity": np.array(entities, dtype=object),
        "channel": np.array(channels, dtype=object),
        "control": np.array(CONTROLS, dtype=object),
    }
    return xr.Dataset(found, coords=coords, attrs=_form(config))


def _form(config: MarketingMixConfig) -> dict[str, Any]:
    is_fixed = config.adstock.kind == "fixed"
    saturation = config.saturation.kind
    return {
        "link": config.link,
        "noise": config.noise,
        "adstock": "geometric" if is_fixed else config.adstock.kind,
        "saturation": "hill" if saturation == "fixed" else saturation,
        "max_lag": config.max_lag,
        "normalized": int(not is_fixed),
        "first_day": FIRST_DAY,
        "step_days": _STEP_DAYS[config.grain],
        "carry_in": 0,
    }


def _effects(prior: EffectPrior, channels: int, rng: "np.random.Generator") -> "tuple[Array, str]":
    """Draw what channels do, and say whether it is their mean term or their coefficient."""
    import numpy as np

    if prior.kind == "shared-scale":
        spread = abs(rng.normal(0, prior.scale))
        return np.abs(rng.normal(0, spread, channels)), "coefficient"
    if prior.kind == "roas":
        roas = prior.median * np.exp(rng.normal(0, prior.log_sd, channels))
        return roas * _SPEND_SHARE, "average_effect"
    if prior.kind == "coefficient":
        return np.abs(rng.normal(0, prior.scale, channels)), "average_effect"
    from pymc_vibes.stats.media_sampling import total_share

    scale = total_share(prior.median, np.ones(channels)).sd
    return np.abs(rng.normal(0, 1, channels)) * scale, "average_effect"


def _carries(
    prior: Adstock, channels: tuple[str, ...], rng: "np.random.Generator"
) -> "dict[str, Array]":
    import numpy as np

    many = len(channels)
    match prior:
        case GeometricAdstock():
            return {"decay": rng.beta(prior.decay.a, prior.decay.b, many)}
        case DelayedAdstock():
            decay = rng.beta(prior.decay.a, prior.decay.b, many)
            return {"decay": decay, "peak": np.abs(rng.normal(0, prior.peak, many))}
        case WeibullAdstock():
            shape = _gamma(prior.shape, many, rng)
            return {"shape": shape, "spread": _gamma(prior.spread, many, rng)}
        case FixedAdstock():
            own = prior.per_channel
            return {"decay": np.array([own.get(name, prior.decay) for name in channels])}
        case NoAdstock():
            return {}


def _bends(prior: Saturation, many: int, rng: "np.random.Generator") -> "dict[str, Array]":
    import numpy as np

    from pymc_vibes.stats.media_transforms import LOGISTIC_RATE

    match prior:
        case LogisticSaturation():
            return {"half": LOGISTIC_RATE / _gamma(prior.rate, many, rng)}
        case HillSaturation():
            half = rng.beta(prior.half.a, prior.half.b, many)
            return {"half": half, "slope": _gamma(prior.slope, many, rng)}
        case MichaelisMentenSaturation():
            return {"half": rng.beta(prior.half.a, prior.half.b, many)}
        case FixedSaturation():
            return {"half": np.full(many, prior.half), "slope": np.full(many, prior.slope)}
        case NoSaturation():
            return {}


def _gamma(prior: GammaShape, many: int, rng: "np.random.Generator") -> "Array":
    return rng.gamma(prior.shape, 1 / prior.rate, many)


def confounded(
    truth: "xr.Dataset",
    channel: str,
    rng: "np.random.Generator",
    *,
    effect: float = 0.1,
    pull: float = 0.8,
) -> "xr.Dataset":
    """Add demand that nobody records: it raises sales, and the channel's activity with them.

    `effect` is what one sd of it does to sales, in units of mean sales or log points; `pull` what
    it does to the logarithm of activity.
    """
    import numpy as np

    state = rng.standard_normal(STEPS)
    state[1:] *= np.sqrt(1 - _MEMORY**2)
    for step in range(1, STEPS):
        state[step] += _MEMORY * state[step - 1]
    pulled = np.where(truth["channel"].to_numpy() == channel, pull, 0.0)
    if not pulled.any():
        raise ValueError(f"The world has no channel {channel!r}.")
    return truth.assign(
        demand=("step", state), demand_effect=effect, demand_pull=("channel", pulled)
    )


def simulate(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Make the rows of about `size` periods of all entities together, at least 8 of each.

    Raises `ValueError` for more periods than the world's demand is known for.
    """
    import numpy as np
    import pyarrow as pa

    market = _market(truth, size, rng)
    sales = expected_sales(truth, market)
    sales = _noisy(truth, sales, rng)
    shape = market.activity.shape[:2]
    before = np.full((shape[0], market.carry_in), np.nan)
    sales = np.concatenate([before, sales], axis=1)
    spend = _spend(truth, market.activity, rng)
    when = market.days.astype("datetime64[D]").astype("datetime64[us]")
    names = truth["channel"].to_numpy()
    media = {
        f"{prefix}_{name}": values[..., c].ravel()
        for prefix, values in (("act", market.activity), ("spend", spend))
        for c, name in enumerate(names)
    }
    control = {
        f"ctrl_{n}": market.control[..., j].ravel() for j, n in enumerate(truth["control"].values)
    }
    return pa.table(
        {
            "entity_id": pa.array(np.repeat(truth["entity"].to_numpy(), shape[1]), pa.string()),
            "period_start": pa.array(np.tile(when, shape[0])),
            "sales": pa.array(sales.ravel(), from_pandas=True),
            **{n: media[n] for n in media if n.startswith("act_")},
            **control,
            **{n: media[n] for n in media if n.startswith("spend_")},
        }
    )


def _market(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> Market:
    import numpy as np

    entities, carry_in = truth.sizes["entity"], truth.attrs["carry_in"]
    periods = carry_in + max(LEAST_PERIODS, round(size / entities))
    if periods > truth.sizes["step"]:
        raise ValueError(f"A world has at most {truth.sizes['step']} periods of an entity.")
    first = np.datetime64(truth.attrs["first_day"], "D").astype(np.int64)
    days = first + np.arange(periods) * truth.attrs["step_days"]
    pull = np.exp(
        truth["demand"].to_numpy()[:periods, None] * truth["demand_pull"].to_numpy()[None]
    )
    plan = plans(entities, days, truth["style"].to_numpy().tolist(), rng) * pull
    largest = plan.max(axis=(0, 1))
    relative = truth["size"].to_numpy() / truth["size"].to_numpy().mean()
    activity = plan / largest * truth["media_scale"].to_numpy() * relative[:, None, None]
    names = truth["control"].to_numpy().tolist()
    return Market(days, activity, controls_of(names, entities, days, rng), carry_in)


def _spend(truth: "xr.Dataset", activity: "Array", rng: "np.random.Generator") -> "Array":
    """Price activity, so that a channel's spend is its share of sales."""
    import numpy as np

    size = truth["size"].to_numpy()
    wanted = truth["spend_share"].to_numpy() * size.sum() * activity.shape[1]
    prices = np.exp(rng.normal(0, SPEND_NOISE, activity.shape))
    money = activity * prices
    return np.asarray(money * wanted / money.sum(axis=(0, 1)))


def _noisy(truth: "xr.Dataset", sales: "Array", rng: "np.random.Generator") -> "Array":
    import numpy as np

    noise, sigma = truth.attrs["noise"], float(truth["sigma"])
    heavy = noise in {"student", "log-student"}
    e = rng.standard_t(float(truth["nu"]), sales.shape) if heavy else rng.normal(size=sales.shape)
    if noise in {"lognormal", "log-student"}:
        return np.asarray(sales * np.exp(sigma * e))
    return np.asarray(sales + sigma * e * truth["size"].to_numpy()[:, None])
