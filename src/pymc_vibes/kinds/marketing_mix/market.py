"""What sales are in a world, before noise: from its parameters, media and controls."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from pymc_vibes.stats.media_transforms import MediaSpec
    from pymc_vibes.stats.special import Array

YEAR_DAYS = 365.25


@dataclass(frozen=True, eq=False)
class Market:
    """What happened in a world before noise: arrays `(entities, periods, ...)`."""

    days: "np.ndarray"
    """First day of each period, carry-in first, since 1970."""
    activity: "Array"
    """In the channel's own unit, carry-in first."""
    control: "Array"
    """As it is recorded, carry-in first."""
    carry_in: int


def spec_of(truth: "xr.Dataset") -> "MediaSpec":
    """Give the form of the world's response to media."""
    from pymc_vibes.stats.media_transforms import MediaSpec

    attrs = truth.attrs
    return MediaSpec(
        adstock=attrs["adstock"],
        saturation=attrs["saturation"],
        max_lag=attrs["max_lag"],
        normalized=bool(attrs["normalized"]),
    )


def season(days: "np.ndarray", waves: int) -> "Array":
    """Give sines and cosines of the year, `(periods, waves)`."""
    from pymc_vibes.stats.media_transforms import fourier

    return fourier(days.astype(float), YEAR_DAYS, waves // 2)


def expected_sales(truth: "xr.Dataset", market: Market) -> "Array":
    """Give sales without noise, `(entities, periods)` after the carry-in."""
    mu = baseline(truth, market) + media_terms(truth, market).sum(axis=-1)
    return on_scale(truth, mu)


def on_scale(truth: "xr.Dataset", mu: "Array") -> "Array":
    """Turn mu into sales."""
    import numpy as np

    size = truth["size"].to_numpy()[:, None]
    return np.asarray(size * (np.exp(mu) if truth.attrs["link"] == "log" else mu))


def baseline(truth: "xr.Dataset", market: Market) -> "Array":
    """Give everything but media on the model's scale, `(entities, periods)`."""
    import numpy as np

    skip = market.carry_in
    days, control = market.days[skip:], market.control[:, skip:]
    spread = control.std(axis=(0, 1))
    standard = (control - control.mean(axis=(0, 1))) / np.where(spread > 0, spread, 1.0)
    waves = season(days, truth.sizes["wave"]) @ truth["season"].to_numpy()
    straight = np.linspace(0.0, 1.0, len(days)) * float(truth["trend"])
    hidden = truth["demand"].to_numpy()[skip : skip + len(days)] * float(truth["demand_effect"])
    common = float(truth["level"]) + waves + straight + hidden
    return np.asarray(common + standard @ truth["control_effect"].to_numpy())


def media_terms(truth: "xr.Dataset", market: Market) -> "Array":
    """Give the terms of channels before the link, `(entities, periods, channels)`."""
    import numpy as np

    bent = _bent(truth, market)
    if "coefficient" in truth:
        common = truth["coefficient"].to_numpy()
    else:
        mean = bent.mean(axis=(0, 1))
        common = truth["average_effect"].to_numpy() / np.where(mean > 0, mean, 1.0)
    return np.asarray(bent * common * np.exp(truth["entity_effect"].to_numpy())[:, None, :])


def _bent(truth: "xr.Dataset", market: Market) -> "Array":
    import numpy as np

    from pymc_vibes.stats.media_transforms import carried, saturated, with_carry_in

    spec, many = spec_of(truth), truth.sizes["channel"]
    params = {name: truth[name].to_numpy()[None] for name in spec.parameters}
    # without adstock the shape of any array says how many channels there are
    sized = params or {"decay": np.zeros((1, many))}
    size = truth["size"].to_numpy()
    scale = truth["media_scale"].to_numpy() * (size / size.mean())[:, None]
    amounts = market.activity / scale[:, None, :]
    skip = market.carry_in
    found = []
    for amount in amounts:
        rows = with_carry_in(amount[:skip], amount[skip:], spec.lags)
        found.append(saturated(spec, carried(spec, rows, sized), params)[0])
    return np.stack(found)
