"""Does a sampled hierarchy make counts like those there are: before the data, and after them."""

from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Finding
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior, stream
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.kinds.poisson_cohorts.view import Rates
    from pymc_vibes.stats.count_checks import Check, When

_HIGHEST = 1e15  # a mean beyond has no room as a count


def predictive_groups(
    posterior: Posterior, exposure: "np.ndarray", config: RateConfig
) -> dict[str, Any]:
    """Simulate a count of every cohort, or of evenly spaced ones, as groups of a tree."""
    import numpy as np

    from pymc_vibes.stats.count_checks import DRAWS, LEAST_DRAWS, every, predictive_group

    groups = {}
    for name, least in (("prior", DRAWS), ("posterior", LEAST_DRAWS)):
        cohorts = np.arange(0, len(exposure), every(len(exposure), least))
        rng = stream(config.seed, f"{name} predictive")
        if name == "prior":
            rates = _before(posterior, len(cohorts), config, rng)
        else:
            rates = _after(posterior, cohorts)
        counts = rng.poisson(np.minimum(rates * exposure[cohorts], _HIGHEST))
        labels = np.array(posterior["rate"].labels, dtype=object)[cohorts]
        groups[f"{name}_predictive"] = predictive_group(
            counts,
            "cohort",
            {"cohort": labels, "place": cohorts},
            about="simulated counts; place is that of the cohort among the rates",
            cohorts=len(cohorts),
            of_cohorts=len(exposure),
            draws=len(counts),
            bound="at most 3 000 000 counts: of many cohorts evenly spaced ones, fewer draws",
        )
    return groups


def _before(
    posterior: Posterior, cohorts: int, config: RateConfig, rng: "np.random.Generator"
) -> "np.ndarray":
    """Draw rates from the prior."""
    import numpy as np

    from pymc_vibes.stats.count_checks import DRAWS

    median = float(posterior.constants["mean_median"])
    alpha = config.shape_median * np.exp(rng.normal(0, config.shape_log_sd, (DRAWS, 1)))
    mean = median * np.exp(rng.normal(0, config.mean_log_sd, (DRAWS, 1)))
    shape = np.broadcast_to(alpha, (DRAWS, cohorts))
    return np.asarray(rng.standard_gamma(shape) * mean / alpha)


def _after(posterior: Posterior, cohorts: "np.ndarray") -> "np.ndarray":
    """Take rates from the chains, evenly along them."""
    import numpy as np

    from pymc_vibes.stats.count_checks import affordable

    if posterior.samples is None:
        raise TypeError("a sampled posterior has its chains")
    rates = posterior.samples["posterior"]["rate"].to_numpy()
    rows = rates.reshape(-1, rates.shape[-1])
    n = min(affordable(len(cohorts)), len(rows))
    return np.asarray(rows[np.linspace(0, len(rows) - 1, n).round().astype(int)][:, cohorts])


def check(rates: "Rates", when: "When") -> "Check":
    """Hold the simulated counts that a sampled posterior keeps against those there are."""
    from pymc_vibes.stats.count_checks import check_counts

    if rates.posterior.samples is None:
        raise TypeError("only a sampled posterior keeps simulated counts")
    group = rates.posterior.samples[f"{when}_predictive"]
    simulated = group["count"].to_numpy()
    places = group["place"].to_numpy()
    total = rates.cells.num_rows
    some = "" if len(places) == total else f"Counts of {len(places):,} of {total:,} are compared."
    observed = rates.cells["k"].to_numpy()[places].astype(float)
    return check_counts(observed, simulated.reshape(-1, simulated.shape[-1]), some)


def check_figures(rates: "Rates", config: RateConfig) -> tuple[Figure, ...]:
    """Draw both checks of a sampled hierarchy; of others there are none."""
    from pymc_vibes.stats.count_checks import check_figure

    if rates.posterior.samples is None:
        return ()
    return (
        check_figure(check(rates, "posterior"), "posterior", config.level),
        check_figure(check(rates, "prior"), "prior", config.level),
    )


def check_findings(rates: "Rates") -> tuple[Finding, ...]:
    """Say what of the counts a sampled hierarchy does not reproduce."""
    from pymc_vibes.stats.count_checks import not_reproduced

    return () if rates.posterior.samples is None else not_reproduced(check(rates, "posterior"))
