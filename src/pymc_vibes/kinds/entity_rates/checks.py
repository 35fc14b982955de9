"""Check what the model predicts, before and after the data, against the counts there are.

Mean, variance, share of zeros and maximum of simulated counts are compared with those of the data.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Finding
from pymc_vibes.core.posterior import Posterior, stream
from pymc_vibes.kinds.entity_rates.chances import windows_of
from pymc_vibes.kinds.entity_rates.data import Counts
from pymc_vibes.kinds.entity_rates.priors import draw_population
from pymc_vibes.kinds.entity_rates.settings import EntityConfig

if TYPE_CHECKING:
    import numpy as np

STATISTICS = ("mean", "variance", "share of zeros", "maximum")
DRAWS = 1000
_COUNTS = 3_000_000  # simulated counts in all
_CHUNK = 200_000
_LEAST_DRAWS = 100
_ALARM = 0.005  # chance on one side below which a statistic is not reproduced


@dataclass(frozen=True, eq=False)
class Check:
    """Statistics of the data and of simulated data, `(draws, statistics)`."""

    observed: "np.ndarray"
    simulated: "np.ndarray"
    entities: int
    """Entities compared; all of them, or evenly spaced ones."""

    @property
    def above(self) -> "np.ndarray":
        """Give the chance that a simulated statistic is above the observed one, by mid-p."""
        import numpy as np

        more = (self.simulated > self.observed).mean(axis=0)
        return np.asarray(more + (self.simulated == self.observed).mean(axis=0) / 2)


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Cells of the entities that are compared, and how often each cell's window is there."""

    cells: "np.ndarray"
    windows: "np.ndarray"
    entities: int
    draws: int


def posterior_check(posterior: Posterior, config: EntityConfig) -> Check:
    """Simulate counts after the data."""
    return _posterior_check(posterior, config.seed)


@lru_cache(maxsize=16)
def _posterior_check(posterior: Posterior, seed: int) -> Check:
    counts = Counts(posterior.cells)
    chosen = _chosen(counts)
    windows = windows_of(posterior, counts, chosen.cells, chosen.draws, seed, fresh=False)
    rng = stream(seed, "posterior predictive")
    parts = []
    for start in range(0, len(windows.phi), step := _step(chosen)):
        some = slice(start, start + step)
        part = type(windows)(
            _repeat(windows.mean[some], chosen), windows.phi[some], windows.empty[some]
        )
        parts.append(_statistics(part.replicate(rng)))
    return _check(counts, chosen, parts)


def prior_check(posterior: Posterior, config: EntityConfig) -> Check:
    """Simulate counts before the data: 1 000 populations drawn from the prior.

    Covariates, exposure and drift have no part in it: their prior is centered on no effect.
    """
    return _prior_check(posterior, config)


@lru_cache(maxsize=16)
def _prior_check(posterior: Posterior, config: EntityConfig) -> Check:
    import numpy as np

    counts = Counts(posterior.cells)
    chosen = _chosen(counts, draws=DRAWS)
    rng = stream(config.seed, "prior predictive")
    drawn = draw_population(config.prior, DRAWS, rng)
    mu, alpha, phi = (drawn[name][:, None] for name in ("mu", "alpha", "phi"))
    who = np.unique(counts.who[chosen.cells], return_inverse=True)[1]
    parts = []
    for start in range(0, DRAWS, step := _step(chosen)):
        some = slice(start, start + step)
        size = (len(mu[some]), int(who.max()) + 1)
        theta = rng.gamma(np.broadcast_to(mu[some] * alpha[some], size)) / alpha[some]
        rate = _repeat(theta[:, who], chosen)
        own = rng.standard_gamma(np.broadcast_to(phi[some], rate.shape)) / phi[some]
        made = rng.poisson(np.minimum(rate * own, 1e15)).astype(float)
        if config.zero_inflation:
            share = rng.beta(*config.zero_share_shapes, (len(made), 1))
            made = np.where(rng.random(made.shape) < share, 0.0, made)
        parts.append(_statistics(made))
    return _check(counts, chosen, parts)


def _chosen(counts: Counts, draws: int | None = None) -> _Chosen:
    """Choose evenly spaced entities where all would be too many counts to simulate."""
    import numpy as np

    limit = _COUNTS // (draws or _LEAST_DRAWS)
    total = float(counts.windows.sum())
    every = max(1, int(np.ceil(total / limit)))
    observed = counts.observed > 0
    kept = np.zeros(len(observed), dtype=bool)
    kept[np.flatnonzero(observed)[::every]] = True
    cells = np.flatnonzero(kept[counts.who] & (counts.windows > 0))
    windows = counts.windows[cells].astype(int)
    afford = int(_COUNTS / max(windows.sum(), 1))
    return _Chosen(cells, windows, int(kept.sum()), draws or min(DRAWS, max(20, afford)))


def _step(chosen: _Chosen) -> int:
    return max(1, _CHUNK // int(chosen.windows.sum()))


def _repeat(values: "np.ndarray", chosen: _Chosen) -> "np.ndarray":
    import numpy as np

    if (chosen.windows == 1).all():
        return values
    return np.repeat(values, chosen.windows, axis=1)


def _statistics(counts: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return np.column_stack(
        [counts.mean(axis=1), counts.var(axis=1), (counts == 0).mean(axis=1), counts.max(axis=1)]
    )


def _check(counts: Counts, chosen: _Chosen, parts: "list[np.ndarray]") -> Check:
    import numpy as np

    seen = np.repeat(counts.count[chosen.cells], chosen.windows)
    return Check(_statistics(seen[None, :])[0], np.concatenate(parts), chosen.entities)


def predictive_groups(posterior: Posterior, counts: Counts, config: EntityConfig) -> dict[str, Any]:
    """Give the statistics of both checks as groups of a tree."""
    import xarray as xr

    checks = {
        "prior_predictive": prior_check(posterior, config),
        "posterior_predictive": posterior_check(posterior, config),
    }
    return {
        name: xr.Dataset(
            {"check": (("chain", "draw", "statistic"), check.simulated[None])},
            coords={"statistic": list(STATISTICS)},
            attrs={"entities": check.entities, "of": len(counts.labels)},
        )
        for name, check in checks.items()
    }


def check_findings(check: Check, config: EntityConfig) -> tuple[Finding, ...]:
    """Say which features of the data the fitted model does not reproduce."""
    from pymc_vibes.stats.describe import plain

    found = []
    for name, seen, above, many in zip(
        STATISTICS, check.observed, check.above, check.simulated.T, strict=True
    ):
        if min(above, 1 - above) >= _ALARM:
            continue
        hint = ""
        if name == "share of zeros" and above < _ALARM and not config.zero_inflation:
            hint = " The setting zero_inflation lets windows be empty whatever the rate."
        found.append(
            Finding(
                code="not-reproduced",
                severity="warning",
                text=f"The model does not reproduce the {name} of the counts: {plain(seen)} in the "
                f"data, about {plain(float(many.mean()))} in counts simulated from it.{hint}",
            )
        )
    return tuple(found)
