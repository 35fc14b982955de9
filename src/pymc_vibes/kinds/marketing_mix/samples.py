"""The worlds that ship: a small one that everybody starts with, and one of twenty regions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.kinds.marketing_mix.world import FIRST_DAY, STEPS, simulate

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import xarray as xr

SAMPLE = "sample_001"
SAMPLE_COLUMNS = (
    "entity_id", "period_start", "sales", "act_tv", "act_digital", "act_social", "ctrl_price",
    "ctrl_promo", "spend_tv", "spend_digital", "spend_social",
)  # fmt: skip
_WEEKS, _MANY_WEEKS, _REGIONS = 104, 156, 20
_SEED = 20260101


@dataclass(frozen=True)
class _Channel:
    """What is true of a channel."""

    name: str
    effect: float
    """Share of sales."""
    decay: float
    half: float
    spend: float
    """Share of sales."""
    scale: float
    """Largest activity."""
    style: str = "steady"


_SMALL = (
    _Channel("digital", 0.12, 0.2, 0.4, 0.05, 2e6),
    _Channel("social", 0.05, 0.3, 0.5, 0.03, 4e4, "bursts"),
    _Channel("tv", 0.10, 0.6, 0.6, 0.07, 1e3, "flights"),
)
_LARGE = (
    _Channel("audio", 0.010, 0.40, 0.5, 0.010, 3e5),
    _Channel("display", 0.012, 0.30, 0.4, 0.020, 5e6, "bursts"),
    _Channel("email", 0.020, 0.10, 0.7, 0.002, 2e5, "bursts"),
    _Channel("outdoor", 0.015, 0.50, 0.6, 0.015, 4e2, "flights"),
    _Channel("print", 0.005, 0.40, 0.5, 0.010, 1e5, "bursts"),
    _Channel("search", 0.060, 0.10, 0.5, 0.025, 9e4),
    _Channel("social", 0.035, 0.25, 0.4, 0.020, 3e6),
    _Channel("tv", 0.080, 0.65, 0.6, 0.050, 1e3, "flights"),
)
_COMMON = {"trend": 0.05, "sigma": 0.02, "nu": 8.0, "demand_effect": 0.0}
_FORM = {
    "link": "identity",
    "noise": "student",
    "adstock": "geometric",
    "saturation": "logistic",
    "max_lag": 8,
    "normalized": 1,
    "first_day": FIRST_DAY,
    "step_days": 7,
    "carry_in": 0,
}


def sample() -> "tuple[xr.Dataset, pa.Table]":
    """Give the truth and the rows of the small world: one brand, 104 weeks, three channels."""
    import numpy as np

    truth = _world(_SMALL, ("brand_total",), np.array([100_000.0]), spread=0.0, season=(0.04, 0.06))
    return truth, simulate(truth, _WEEKS, np.random.default_rng(_SEED)).select(SAMPLE_COLUMNS)


def regions() -> "tuple[xr.Dataset, pa.Table]":
    """Give the truth and the rows of the large world: 20 regions, 156 weeks, eight channels."""
    import numpy as np

    rng = np.random.default_rng(_SEED + 1)
    names = tuple(f"region-{number:02d}" for number in range(1, _REGIONS + 1))
    size = np.round(20_000 * np.exp(rng.normal(0, 0.6, _REGIONS)), -2)
    truth = _world(_LARGE, names, size, spread=0.2, season=(0.05, 0.03, 0.01, 0.02))
    return truth, simulate(truth, _MANY_WEEKS * _REGIONS, rng)


def _world(
    channels: tuple[_Channel, ...],
    entities: tuple[str, ...],
    size: "np.ndarray",
    *,
    spread: float,
    season: tuple[float, ...],
) -> "xr.Dataset":
    import numpy as np
    import xarray as xr

    rng = np.random.default_rng(_SEED + 2)
    departures = spread * rng.normal(size=(len(entities), len(channels)))
    by_channel = {
        "average_effect": [c.effect for c in channels],
        "decay": [c.decay for c in channels],
        "half": [c.half for c in channels],
        "spend_share": [c.spend for c in channels],
        "media_scale": [c.scale for c in channels],
        "demand_pull": [0.0 for _ in channels],
    }
    return xr.Dataset(
        {
            "size": ("entity", size),
            **{name: ("channel", np.array(values)) for name, values in by_channel.items()},
            "style": ("channel", np.array([c.style for c in channels], dtype=object)),
            "entity_effect": (("entity", "channel"), departures),
            "level": 1 - sum(c.effect for c in channels),
            "control_effect": ("control", np.array([-0.03, 0.02])),
            "season": ("wave", np.array(season)),
            "demand": ("step", np.zeros(STEPS)),
            **_COMMON,
        },
        coords={
            "entity": np.array(entities, dtype=object),
            "channel": np.array([c.name for c in channels], dtype=object),
            "control": np.array(("price", "promo"), dtype=object),
        },
        attrs=dict(_FORM),
    )
