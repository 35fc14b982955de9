"""The run specification of the staged routes, and the settings that it means.

It names what the reference model knows: a fixed adstock, seasonality, a trend and windows. What it
does not name is as in the preset `reference`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import field_validator

from pymc_vibes.core.config import parse, setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.records import Record
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig, Windows
from pymc_vibes.kinds.marketing_mix.options import MAX_CHANNELS, Decay, Name
from pymc_vibes.kinds.marketing_mix.schema import channel_of

_GRAINS = {
    **dict.fromkeys(("d", "day", "days", "daily"), "day"),
    **dict.fromkeys(("w", "week", "weeks", "weekly"), "week"),
    **dict.fromkeys(("m", "month", "months", "monthly"), "month"),
}


class AdstockSpec(Record):
    """Fixed decays."""

    decay_default: float = setting(0.5, "Decay of channels that are not named.", ge=0, lt=1)
    per_channel: Mapping[Name, Decay] = setting(
        {}, "Channel, or its column -> decay.", max_length=MAX_CHANNELS
    )
    max_lag: int = setting(13, "Periods after which nothing is left.", unit="periods", ge=1, le=104)


class SaturationSpec(Record):
    """A fixed Hill curve, or none."""

    enabled: bool = setting(default=False, about="Whether activity wears off.")


class SeasonalitySpec(Record):
    """Waves of a year."""

    enabled: bool = setting(default=True, about="Whether sales have a yearly season.")
    K: int = setting(2, "Waves.", ge=0, le=26)


class TrendSpec(Record):
    """A straight line, or none."""

    enabled: bool = setting(default=True, about="Whether the level drifts.")


class FeatureSpec(Record):
    """How columns become features."""

    adstock: AdstockSpec = setting(AdstockSpec(), "Carry-over.")
    saturation: SaturationSpec = setting(SaturationSpec(), "Saturation.")
    seasonality: SeasonalitySpec = setting(SeasonalitySpec(), "Seasonality.")
    trend: TrendSpec = setting(TrendSpec(), "Trend.")


class RunSpec(Record):
    """What a staged run is asked to do."""

    dataset_id: str = setting(..., "The experiment that holds the data.", min_length=1,
                              max_length=200)  # fmt: skip
    grain: Literal["auto", "day", "week", "month"] = setting("week", "Length of a period.")
    target_col: str = setting("sales", "Column of what was sold.", min_length=1, max_length=100)
    drivers: tuple[Name, ...] | None = setting(
        None, "Columns that drive the channels; open: all.", max_length=MAX_CHANNELS
    )
    controls: tuple[Name, ...] | None = setting(
        None, "Columns of controls; open: all.", max_length=100
    )
    feature_config: FeatureSpec = setting(FeatureSpec(), "Carry-over, season and trend.")
    windows: Windows = setting(Windows(), "How many months are fitted, and carry over.")
    random_seed: int = setting(42, "Seed of everything random.", ge=0, le=2**63 - 1)

    @field_validator("grain", mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        return _GRAINS.get(value.strip().lower(), value) if isinstance(value, str) else value

    def config(self) -> MarketingMixConfig:
        """Give the settings that it means."""
        features = self.feature_config
        return parse(
            MarketingMixConfig,
            {
                "preset": "reference",
                "grain": self.grain,
                "target_column": self.target_col,
                "drivers": self.drivers,
                "controls": self.controls,
                "adstock": _adstock(features.adstock),
                "saturation": {"kind": "fixed" if features.saturation.enabled else "none"},
                "harmonics": features.seasonality.K if features.seasonality.enabled else 0,
                "trend": {"kind": "linear" if features.trend.enabled else "none"},
                "windows": self.windows.model_dump(),
                "seed": self.random_seed,
            },
        )


def read_run_spec(values: Any) -> RunSpec:
    """Read a run specification, or raise `BadConfig` naming each wrong field."""
    return parse(RunSpec, values)


def _adstock(spec: AdstockSpec) -> Mapping[str, Any]:
    own = {channel_of(name): decay for name, decay in spec.per_channel.items()}
    if len(own) < len(spec.per_channel):
        raise BadConfig(
            "A channel has two decays.",
            hint="Name it once, such as tv or act_tv.",
            fields=[{"field": "adstock.per_channel", "reason": "names a channel twice"}],
        )
    return {
        "kind": "fixed",
        "decay": spec.decay_default,
        "max_lag": spec.max_lag,
        "per_channel": own,
    }
