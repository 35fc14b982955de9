"""Check what the model predicts, before and after the data, against the counts there are.

Counts of all windows are simulated where they are few enough, else those of evenly spaced entities.
A sampled posterior keeps them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Finding
from pymc_vibes.core.posterior import Posterior, stream
from pymc_vibes.kinds.entity_rates.chances import Windows, windows_of
from pymc_vibes.kinds.entity_rates.data import Counts, scaling
from pymc_vibes.kinds.entity_rates.priors import draw_population
from pymc_vibes.kinds.entity_rates.settings import PERSISTENCE, EntityConfig

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.count_checks import Check, When

_CHUNK = 200_000
_HIGHEST = 34.5  # log of 1e15: counts beyond have no room


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Cells of the entities that are compared, and how often each cell's window is there."""

    cells: "np.ndarray"
    windows: "np.ndarray"
    entities: int
    of: int
    """Entities there are."""

    @property
    def at(self) -> "np.ndarray":
        """Give the cell of every window."""
        import numpy as np

        return np.repeat(self.cells, self.windows)

    @property
    def in_words(self) -> str:
        """Say whose counts are compared, where not all are."""
        if self.entities == self.of:
            return ""
        return f"Counts of {self.entities:,} of {self.of:,} entities are compared."


def posterior_check(posterior: Posterior, config: EntityConfig) -> "Check":
    """Check counts that are simulated after the data."""
    return _check(posterior, config, "posterior")


def prior_check(posterior: Posterior, config: EntityConfig) -> "Check":
    """Check counts that are simulated before the data: 1 000 populations drawn from the prior.

    Exposure and covariates are those of the data; effects and drift are drawn from their priors.
    """
    return _check(posterior, config, "prior")


@lru_cache(maxsize=32)
def _check(posterior: Posterior, config: EntityConfig, when: "When") -> "Check":
    from pymc_vibes.stats.count_checks import check_counts

    counts = Counts(posterior.cells)
    chosen, simulated = _simulated(posterior, counts, config, when)
    return check_counts(counts.count[chosen.at], simulated, chosen.in_words)


def _simulated(
    posterior: Posterior, counts: Counts, config: EntityConfig, when: "When"
) -> "tuple[_Chosen, np.ndarray]":
    import numpy as np

    from pymc_vibes.stats.count_checks import DRAWS, LEAST_DRAWS, affordable

    chosen = _chosen(counts, DRAWS if when == "prior" else LEAST_DRAWS)
    known = f"{when}_predictive"
    if posterior.samples is not None and known in posterior.samples.children:
        stored = posterior.samples[known]["count"].to_numpy()
        return chosen, stored.reshape(-1, stored.shape[-1])
    rng = stream(config.seed, f"{when} predictive")
    step = max(1, _CHUNK // int(chosen.windows.sum()))
    if when == "prior":
        parts = _before(counts, chosen, config, rng, step)
    else:
        n = affordable(int(chosen.windows.sum()))
        all_draws = windows_of(posterior, counts, chosen.cells, n, config.seed, fresh=False)
        parts = (all_draws[i : i + step] for i in range(0, len(all_draws.phi), step))
    return chosen, np.concatenate([_counted(part, chosen, rng) for part in parts])


def _counted(windows: Windows, chosen: _Chosen, rng: "np.random.Generator") -> "np.ndarray":
    import numpy as np

    at = np.repeat(np.arange(len(chosen.cells)), chosen.windows)
    made = Windows(windows.mean[:, at], windows.phi, windows.empty).replicate(rng)
    return made.astype(np.int64)


def _before(
    counts: Counts,
    chosen: _Chosen,
    config: EntityConfig,
    rng: "np.random.Generator",
    step: int,
) -> Iterator[Windows]:
    """Draw windows from the prior, some populations at a time."""
    import numpy as np

    from pymc_vibes.stats.count_checks import DRAWS

    drawn = draw_population(config.prior, DRAWS, rng)
    entities, who = np.unique(counts.who[chosen.cells], return_inverse=True)
    for start in range(0, DRAWS, step):
        mu, alpha, phi = (drawn[name][start : start + step] for name in ("mu", "alpha", "phi"))
        shape = np.broadcast_to((mu * alpha)[:, None], (len(mu), len(entities)))
        theta = rng.standard_gamma(shape) / alpha[:, None]
        log_mean = np.log(np.maximum(theta, 1e-300))[:, who]
        log_mean = log_mean + _offsets(counts, chosen.cells, config, len(mu), rng)
        if config.autoregression:
            place = counts.column("place")[chosen.cells].astype(int)
            log_mean = log_mean + _drift(config, len(mu), len(entities), place, rng)[:, who, place]
        empty = np.zeros(len(mu))
        if config.zero_inflation:
            empty = rng.beta(*config.zero_share_shapes, len(mu))
        yield Windows(np.exp(np.minimum(log_mean, _HIGHEST)), phi, empty)


def _offsets(
    counts: Counts,
    cells: "np.ndarray",
    config: EntityConfig,
    n: int,
    rng: "np.random.Generator",
) -> "np.ndarray":
    """Give what exposure and covariates add to the log means, `(n, cells)`."""
    import numpy as np

    added = np.zeros((n, len(cells)))
    if config.measured:
        added += np.log(counts.column("exposure")[cells])
    if config.covariates:
        names, center, scale = scaling(counts)
        x = np.column_stack([counts.column(name)[cells] for name in names])
        effect = rng.normal(0, config.effect_prior_sd, (n, len(names)))
        added += effect @ ((x - center) / scale).T
    return added


def _drift(
    config: EntityConfig, n: int, entities: int, place: "np.ndarray", rng: "np.random.Generator"
) -> "np.ndarray":
    """Draw drifts from their prior, `(n, entities, windows)`, with mean 1 on the scale of rates."""
    import numpy as np

    keep = rng.beta(*PERSISTENCE, n)[:, None]
    sd = np.abs(rng.normal(0, config.drift_prior_sd, n))[:, None, None]
    drift = rng.normal(size=(n, entities, int(place.max()) + 1))
    for step in range(1, drift.shape[2]):
        drift[:, :, step] *= np.sqrt(1 - keep**2)
        drift[:, :, step] += keep * drift[:, :, step - 1]
    return np.asarray(sd * drift - sd**2 / 2)


def _chosen(counts: Counts, draws: int) -> _Chosen:
    """Choose evenly spaced entities where all would be too many counts to simulate."""
    import numpy as np

    from pymc_vibes.stats.count_checks import every

    observed = np.flatnonzero(counts.observed > 0)
    kept = np.zeros(len(counts.labels), dtype=bool)
    kept[observed[:: every(int(counts.windows.sum()), draws)]] = True
    cells = np.flatnonzero(kept[counts.who] & (counts.windows > 0))
    return _Chosen(cells, counts.windows[cells].astype(int), int(kept.sum()), len(observed))


def predictive_groups(posterior: Posterior, counts: Counts, config: EntityConfig) -> dict[str, Any]:
    """Give the simulated counts of both checks as groups of a tree, a window per `obs`."""
    import numpy as np

    from pymc_vibes.stats.count_checks import predictive_group

    names = np.array(counts.labels, dtype=object)
    groups = {}
    whens: tuple[When, ...] = ("prior", "posterior")
    for when in whens:
        chosen, simulated = _simulated(posterior, counts, config, when)
        labels = {"entity": names[counts.who[chosen.at]], "cell": chosen.at}
        groups[f"{when}_predictive"] = predictive_group(
            simulated,
            "obs",
            labels,
            about="simulated counts; cell is the row of observed_data",
            entities=chosen.entities,
            of_entities=chosen.of,
            draws=len(simulated),
            bound="at most 3 000 000 counts: of many windows evenly spaced entities, fewer draws",
        )
    return groups


def check_findings(check: "Check", config: EntityConfig) -> tuple[Finding, ...]:
    """Say which features of the data the fitted model does not reproduce."""
    from pymc_vibes.stats.count_checks import not_reproduced

    hints = {
        "share of zeros": "The setting zero_inflation lets windows be empty whatever the rate."
    }
    return not_reproduced(check, {} if config.zero_inflation else hints)
