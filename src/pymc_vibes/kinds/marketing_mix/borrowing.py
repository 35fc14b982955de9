"""How a marketing mix takes what runs of other kinds measured."""

from collections.abc import Mapping

from pymc_vibes.core.kind import Borrow
from pymc_vibes.core.lift import MeasuredLift
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig


def wanted(config: MarketingMixConfig) -> tuple[str, ...]:
    """Give the runs that the settings name."""
    return tuple(entry.run_id for entry in config.experiments if entry.run_id is not None)


def informed(
    config: MarketingMixConfig, lifts: Mapping[str, MeasuredLift], /
) -> MarketingMixConfig:
    """Put what runs measured into the entries that name them."""
    entries = tuple(
        entry
        if entry.run_id is None
        else entry.model_copy(update={"measured": lifts[entry.run_id]})
        for entry in config.experiments
    )
    return config.model_copy(update={"experiments": entries})


BORROW = Borrow[MarketingMixConfig](setting="experiments", wanted=wanted, informed=informed)
