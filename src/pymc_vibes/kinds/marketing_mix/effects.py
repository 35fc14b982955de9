"""What media truly did in a world, computed from its parameters and its rows, without noise."""

from typing import TYPE_CHECKING

from pymc_vibes.kinds.marketing_mix.market import Market, baseline, media_terms, on_scale

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import xarray as xr

    from pymc_vibes.stats.special import Array


def true_effects(truth: "xr.Dataset", events: "pa.Table") -> "xr.Dataset":
    """Say what each channel did, from all rows that `simulate` made of the world.

    `lost` is what would be lost without a channel, `parts` and `rest` divide what happened and add
    up to `expected`, all `(entity, period[, channel])`; `roas` is what is lost over all periods by
    money spent, without what would still come after the last one.
    """
    import numpy as np
    import xarray as xr

    market, spend = _market_of(truth, events)
    terms, rest = media_terms(truth, market), baseline(truth, market)
    whole = rest + terms.sum(axis=-1)
    expected, alone = on_scale(truth, whole), on_scale(truth, rest)
    lost = expected[..., None] - np.stack(
        [on_scale(truth, whole - terms[..., c]) for c in range(terms.shape[-1])], axis=-1
    )
    each = _logarithmic_mean(truth, whole, rest)
    money = spend[:, market.carry_in :].sum(axis=(0, 1))
    dims = ("entity", "period", "channel")
    return xr.Dataset(
        {
            "lost": (dims, lost),
            "parts": (dims, terms * each[..., None]),
            "rest": (dims[:2], alone),
            "expected": (dims[:2], expected),
            "spend": ("channel", money),
            "roas": ("channel", lost.sum(axis=(0, 1)) / money),
            "share": ("channel", lost.sum(axis=(0, 1)) / expected.sum()),
        },
        coords={
            "entity": truth["entity"].to_numpy(),
            "channel": truth["channel"].to_numpy(),
            "period": market.days[market.carry_in :].astype("datetime64[D]").astype("M8[ns]"),
        },
    )


def _logarithmic_mean(truth: "xr.Dataset", whole: "Array", rest: "Array") -> "Array":
    """Give sales per unit of media terms on the straight path from `rest` to `whole`."""
    import numpy as np

    size = truth["size"].to_numpy()[:, None]
    if truth.attrs["link"] != "log":
        return np.asarray(np.broadcast_to(size, whole.shape))
    apart = whole - rest
    slope = np.divide(np.expm1(apart), apart, out=np.ones_like(apart), where=apart != 0)
    return np.asarray(size * np.exp(rest) * slope)


def _market_of(truth: "xr.Dataset", events: "pa.Table") -> "tuple[Market, Array]":
    """Read rows back, in the order of the world's entities."""
    import numpy as np

    ordered = events.sort_by([("entity_id", "ascending"), ("period_start", "ascending")])
    names = truth["entity"].to_numpy()
    who = np.array(ordered["entity_id"].to_pylist(), dtype=object)
    rows = np.stack([np.flatnonzero(who == name) for name in names])
    when = ordered["period_start"].to_numpy().astype("datetime64[D]").astype(np.int64)

    def gathered(prefix: str, labels: "np.ndarray") -> "Array":
        columns = [ordered[f"{prefix}_{label}"].to_numpy()[rows] for label in labels]
        return np.stack(columns, axis=-1) if columns else np.zeros((*rows.shape, 0))

    market = Market(
        days=when[rows[0]],
        activity=gathered("act", truth["channel"].to_numpy()),
        control=gathered("ctrl", truth["control"].to_numpy()),
        carry_in=truth.attrs["carry_in"],
    )
    return market, gathered("spend", truth["channel"].to_numpy())
