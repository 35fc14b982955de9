"""What an answer about rates refers to, and what is odd about its counts."""

from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Finding
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.spread import dispersion_of, is_overdispersed
from pymc_vibes.kinds.poisson_cohorts.view import Rates

if TYPE_CHECKING:
    import pyarrow as pa


def context_of(rates: Rates, config: RateConfig) -> dict[str, Any]:
    """Say what the numbers refer to."""
    known = rates.constants
    return {
        "window": rates.window,
        "start": known["start"],
        "end": known["end"],
        "unit": known["per"],
        "exposure": known["exposure"],
        "exposure_in_words": exposure_words(config),
        "model": known["model"],
        "model_in_words": _model_words(rates, config),
        "prior": _prior_words(rates, config),
        "level": config.level,
    }


def exposure_words(config: RateConfig) -> str:
    """Say what the events are counted against."""
    if config.exposure == "measured":
        return f"measured: the sum of the rows' own exposure, in {config.pers}"
    return f"not measured: every cohort counts for the whole window, in {config.pers}"


def _model_words(rates: Rates, config: RateConfig) -> str:
    if rates.is_pooled:
        pooled = f"hierarchical: cohorts borrow strength from each other, for {rates.only_event}"
        return f"{pooled}; engine {config.engine}"
    return "independent: every rate on its own"


def _prior_words(rates: Rates, config: RateConfig) -> str:
    from pymc_vibes.stats.describe import plain

    known = rates.constants
    if rates.is_pooled:
        return (
            f"shape of the rates log-normal around {config.shape_median:g} (sd of its log "
            f"{config.shape_log_sd:g}), mean rate log-normal around "
            f"{plain(known['mean_median'])} per {config.per} (sd of its log "
            f"{config.mean_log_sd:g})"
        )
    prior = f"Gamma(shape {known['alpha0']:g}, rate {known['beta0']:g} {config.pers})"
    return f"{prior}, Jeffreys" if config.prior == (0.5, 0.0) else prior


def findings_of(rates: Rates, cells: "pa.Table", config: RateConfig) -> tuple[Finding, ...]:
    """Say what is odd about the counts: too much variation, no exposure, no event at all."""
    return (*_overdispersion(cells, config), *_without_exposure(rates), *_silence(cells))


def _overdispersion(cells: "pa.Table", config: RateConfig) -> tuple[Finding, ...]:
    import numpy as np

    from pymc_vibes.stats.decide import chance
    from pymc_vibes.stats.describe import plain

    found = dispersion_of(cells)
    if not is_overdispersed(found):
        return ()
    pooled, alone = found.pooled(), int(np.argmin(found.chance()))
    together = pooled.chance()[0] <= found.chance()[alone]
    factor = float(pooled.factor()[0] if together else found.factor()[alone])
    unlikely = float(pooled.chance()[0] if together else found.chance()[alone])
    worst = cells.slice(alone, 1).to_pylist()[0]
    where = "" if together else f" of {worst['event']} in {worst['cohort']}"
    return (
        Finding(
            code="overdispersed",
            severity="warning",
            text=(
                f"The counts{where} vary more between {config.bucket[0]} than a constant rate "
                f"allows: variance {plain(factor)} times the mean "
                f"(chance {chance(unlikely)} if the rate were constant). The intervals are too "
                f"narrow by a factor of about {plain(factor**0.5)}; "
                "the kind entity-rates models such counts."
            ),
        ),
    )


def _without_exposure(rates: Rates) -> tuple[Finding, ...]:
    import pyarrow.compute as pc

    asked = rates.posterior.cells
    if rates.only_event is not None:
        asked = asked.filter(pc.equal(asked["event"], rates.only_event))
    total, answered = asked.num_rows, rates.cells.num_rows
    if total == answered:
        return ()
    text = (
        f"{total - answered:,} of {total:,} pairs of cohort and event have no measured exposure "
        "in the window and therefore no rate."
    )
    return (Finding(code="no-exposure", severity="warning", text=text),)


def _silence(cells: "pa.Table") -> tuple[Finding, ...]:
    import pyarrow.compute as pc

    if pc.sum(cells["k"]).as_py():
        return ()
    text = "None of these rates has an event in the window: they say only how rare events must be."
    return (Finding(code="no-events", severity="note", text=text),)
