"""What a mix leaves as tables: data, features, and what came of the fit, period by period.

Intervals are the shortest ones that hold their mass of the draws.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.messages import day_of
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.kinds.marketing_mix.schema import ACTIVITY, SPEND
from pymc_vibes.kinds.marketing_mix.study import Study, given_parameters

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import xarray as xr

    from pymc_vibes.stats.special import Array

type Decomposition = Literal["counterfactual", "additive"]

MASS = 0.94
"""Of intervals that are named after the quantiles 3 % and 97 %."""
NOTES: Mapping[Decomposition, str] = {
    "counterfactual": "What would be lost without the channel, all else as it was. Under a log "
    "link these overlap, so they add up to more than all media.",
    "additive": "The channel's part of what happened: with sales without media, the parts add up "
    "to the fitted sales.",
}


def canonical_table(study: Study) -> "pa.Table":
    """Give the canonical data: a row for each entity and period, under standard names."""
    import numpy as np
    import pyarrow as pa

    panel = study.panel
    columns: dict[str, Any] = {
        "entity_id": np.repeat(np.array(panel.entities, dtype=object), len(panel.days)),
        "period_start": _dates(np.tile(panel.days, len(panel.entities))),
        "sales": _known(panel.sales),
    }
    for place, channel in enumerate(panel.channels):
        columns[_named(ACTIVITY, channel)] = _known(panel.activity[..., place])
        columns[_named(SPEND, channel)] = _known(panel.spend[..., place])
    for place, control in enumerate(panel.controls):
        columns[control] = _known(panel.control[..., place])
    return pa.table(columns)


def features_table(study: Study, config: MarketingMixConfig) -> "pa.Table":
    """Give what enters the model: media of the fitted periods, controls, season and trend.

    Media are activity in the largest of their channel; where adstock and saturation are given,
    they have gone through them.
    """
    import numpy as np
    import pyarrow as pa

    features = study.features
    media = _media(study, config)
    entities, periods = len(features.series), len(features.days)
    columns: dict[str, Any] = {
        "entity_id": np.repeat(np.array(study.panel.entities, dtype=object), periods),
        "period_start": _dates(np.tile(features.days, entities)),
    }
    for place, channel in enumerate(study.panel.channels):
        columns[f"media_{channel}"] = media[..., place].ravel()
    beside = np.stack([one.columns for one in features.series])
    for place, name in enumerate(features.form.columns):
        columns[name.replace(" ", "_")] = beside[..., place].ravel()
    return pa.table(columns)


def scaler_of(study: Study, config: MarketingMixConfig) -> dict[str, Any]:
    """Give what columns were divided by and what was taken off them."""
    from pymc_vibes.stats.media_sampling import measures

    features = study.features
    found = measures(features.series, features.form)
    scaler = features.scaler
    return {
        "controls": {
            name: {"mean": float(scaler.mean[i]), "sd": float(scaler.sd[i])}
            for i, name in enumerate(study.panel.controls)
        },
        "media": {
            channel: {
                "centered": False,
                "scale": {
                    entity: float(one.scale[i])
                    for entity, one in zip(study.panel.entities, found, strict=True)
                },
                **_given(study, config, i),
            }
            for i, channel in enumerate(study.panel.channels)
        },
        "sales": {
            "link": config.link,
            "offset": float(features.form.offset),
            "unit": {
                entity: float(one.unit)
                for entity, one in zip(study.panel.entities, found, strict=True)
            },
        },
        "adstock": config.adstock.model_dump(mode="json"),
        "saturation": config.saturation.model_dump(mode="json"),
    }


def contributions_table(
    reading: Reading, decomposition: Decomposition, mass: float = MASS
) -> "pa.Table":
    """Give what each channel brought in each fitted period."""
    import numpy as np
    import pyarrow as pa

    totals = reading.totals
    draws = totals.lost if decomposition == "counterfactual" else totals.parts
    channels, periods = len(reading.channels), draws.shape[1]
    low, high = _hdi(draws, mass)
    return pa.table(
        {
            "period_start": _dates(np.repeat(reading.study.days, channels)),
            "channel": np.tile(np.array(reading.channels, dtype=object), periods),
            "contrib_mean": draws.mean(axis=0).ravel(),
            "contrib_low": low.ravel(),
            "contrib_high": high.ravel(),
        }
    )


def fitted_table(reading: Reading, mass: float = MASS) -> "pa.Table":
    """Give sales beside what the model expected, and where single periods may lie."""
    import pyarrow as pa

    features = reading.study.features
    low, high = _hdi(reading.predicted, mass)
    return pa.table(
        {
            "period_start": _dates(features.days),
            "y": _known(features.sales.sum(axis=0)),
            "y_hat_mean": reading.expected.mean(axis=0),
            "y_hat_low": low,
            "y_hat_high": high,
        }
    )


def posterior_table(posterior: Posterior) -> "pa.Table":
    """Give a line for every parameter that was sampled."""
    import pyarrow as pa

    lines = [line for name, values in _parameters(posterior) for line in _lines(name, values)]
    names = ("parameter", "mean", "sd", "hdi_3%", "hdi_97%", "mcse_mean", "ess_bulk", "ess_tail",
             "r_hat")  # fmt: skip
    columns = list(zip(*lines, strict=True))
    numbers = {n: _known(c) for n, c in zip(names[1:], columns[1:], strict=True)}
    return pa.table({names[0]: pa.array(columns[0], pa.string()), **numbers})


def chain_facts(posterior: Posterior) -> list[dict[str, Any]]:
    """Say of each chain how often it diverged and how well it explored energies."""
    from pymc_vibes.stats.chains import bfmi

    if posterior.samples is None:
        raise TypeError("a marketing mix has its chains")
    stats = posterior.samples["sample_stats"]
    diverging = stats["diverging"].transpose("chain", "draw").to_numpy().sum(axis=1)
    explored = bfmi(stats["energy"].transpose("chain", "draw").to_numpy())
    return [
        {"chain": place + 1, "divergences": int(count), "bfmi": float(share)}
        for place, (count, share) in enumerate(zip(diverging, explored, strict=True))
    ]


def _parameters(posterior: Posterior) -> "list[tuple[str, xr.DataArray]]":
    """Give the chains of everything that was sampled, `(chain, draw, ...)`, with names."""
    if posterior.samples is None:
        raise TypeError("a marketing mix has its chains")
    sampled = posterior.samples["posterior"].to_dataset()
    return [
        (str(name), array.transpose("chain", "draw", ...))
        for name, array in sampled.data_vars.items()
    ]


def _lines(name: str, array: "xr.DataArray") -> list[tuple[Any, ...]]:
    from pymc_vibes.stats.chains import mcse_mean, measure

    values = array.to_numpy().reshape(*array.shape[:2], -1)
    labels = [name]
    if array.ndim > 2:  # beyond chain and draw
        index = array.stack(label=array.dims[2:])["label"].to_numpy()
        labels = [f"{name}[{_label(one)}]" for one in index]
    low, high = _hdi(values.reshape(-1, values.shape[2]), MASS)
    r_hat, bulk, tail = measure(values)
    numbers = (values.mean((0, 1)), values.std((0, 1), ddof=1), low, high, mcse_mean(values),
               bulk, tail, r_hat)  # fmt: skip
    return list(zip(labels, *numbers, strict=True))


def _label(one: Any) -> str:
    return ", ".join(str(part) for part in one) if isinstance(one, tuple) else str(one)


def _media(study: Study, config: MarketingMixConfig) -> "Array":
    """Give media as they enter the model, `(entities, periods, channels)`."""
    import numpy as np

    from pymc_vibes.stats.media_sampling import measures
    from pymc_vibes.stats.media_transforms import respond

    features = study.features
    spec = features.form.spec
    found = measures(features.series, features.form)
    scaled = [one.activity / how.scale for one, how in zip(features.series, found, strict=True)]
    if not config.is_reference:
        return np.stack([activity[spec.lags :] for activity in scaled])
    given = {name: np.atleast_2d(value) for name, value in given_parameters(study).items()}
    one = {**given, "effect": np.ones((1, len(study.panel.channels)))}
    return np.stack([respond(spec, activity, one)[0] for activity in scaled])


def _given(study: Study, config: MarketingMixConfig, channel: int) -> dict[str, float]:
    if not config.is_reference:
        return {}
    return {name: float(value[channel]) for name, value in given_parameters(study).items()}


def _hdi(draws: "Array", mass: float) -> "tuple[Array, Array]":
    """Give the ends of the shortest interval over draws, the first axis."""
    from pymc_vibes.stats.draws import Draws

    low, high = Draws(draws.reshape(1, len(draws), -1)).hdi(mass)
    return low.reshape(draws.shape[1:]), high.reshape(draws.shape[1:])


def _known(values: Any) -> "pa.Array":
    """Give numbers; what is none is missing."""
    import numpy as np
    import pyarrow as pa

    numbers = np.asarray(values, dtype=float).ravel()
    return pa.array(numbers, mask=~np.isfinite(numbers))


def _dates(days: "np.ndarray") -> "pa.Array":
    import pyarrow as pa

    return pa.array([day_of(int(day)) for day in days], pa.date32())


def _named(prefix: str, channel: str) -> str:
    return channel if channel.startswith(prefix) else f"{prefix}{channel}"
