"""The posterior of every person's effects, and who has too few days for one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from pymc_vibes.core.answer import Diagnostics, Verdict
from pymc_vibes.core.posterior import Posterior, Variable, stream
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.kinds.interrupted_series.sampled import sample
from pymc_vibes.kinds.interrupted_series.study import Study, TooFew, studies_of

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.stats.interrupted import Fit
    from pymc_vibes.stats.special import Array

_SLOW_BAR = 0.2


@dataclass(frozen=True)
class SeriesFits:
    """The fits of all people by label; their draws are joint over the effects of one."""

    fits: Mapping[str, "Fit"]
    window_days: int

    def draw(self, name: str, indices: Sequence[int], n: int, seed: int) -> "Array":
        """Draw `n` values of an effect for some people, `(n, people)`."""
        import numpy as np

        labels = list(self.fits)
        return np.column_stack([self._one(name, labels[index], n, seed) for index in indices])

    def _one(self, name: str, label: str, n: int, seed: int) -> "Array":
        rng = stream(seed, "user", label)
        return self.fits[label].draw(name, self.window_days, n, rng)  # type: ignore[arg-type]  # variables are effects


def fit(cells: "pa.Table", config: InterruptedConfig, watch: Watch) -> Posterior:
    """Fit each person with enough days; too few for everybody is `InsufficientData`."""
    from pymc_vibes.stats.interrupted import EFFECTS
    from pymc_vibes.stats.marginals import stack

    found = studies_of(cells, config)
    if config.is_sampled:
        return sample(cells, config, watch, constants_of(found))
    studies = {label: study for label, study in found.items() if isinstance(study, Study)}
    fits: dict[str, Fit] = {}
    for number, (label, study) in enumerate(studies.items()):
        watch.progress(number, len(studies))
        fits[label] = _fitted(study, config)
    variables = tuple(
        Variable(
            name=effect,
            dim="user",
            labels=tuple(fits),
            unit=config.outcome_unit,
            distribution=stack([f.effect(effect, config.window_days) for f in fits.values()]),
        )
        for effect in EFFECTS
    )
    return Posterior(
        method="quadrature",
        variables=variables,
        cells=cells,
        constants=constants_of(found),
        diagnostics=_diagnostics(fits),
        joint=SeriesFits(fits, config.window_days),
    )


def _fitted(study: Study, config: InterruptedConfig) -> "Fit":
    from pymc_vibes.stats.count_series import fit_counts
    from pymc_vibes.stats.interrupted import fit_series
    from pymc_vibes.stats.segmented import fit_segmented

    given = (study.series, study.window, study.model, study.standard)
    if config.outcome_type == "count":
        return fit_counts(*given, seed=config.seed)
    return fit_segmented(*given) if config.engine == "segmented" else fit_series(*given)


def constants_of(found: "Mapping[str, Study | TooFew]") -> dict[str, JsonValue]:
    """Give who was left out with the days that they have, and what the others' rows are."""
    return {
        "parts": {label: list(one.parts) for label, one in found.items() if isinstance(one, Study)},
        "too_few": {
            label: [one.before, one.after]
            for label, one in found.items()
            if isinstance(one, TooFew)
        },
        "uncontrolled": {
            label: one.uncontrolled
            for label, one in found.items()
            if isinstance(one, Study) and one.uncontrolled
        },
    }


def _diagnostics(fits: Mapping[str, "Fit"]) -> Diagnostics:
    from pymc_vibes.stats.count_series import CountFit

    reasons, doubts = list(_slow(fits)), list(_doubtful(fits))
    nodes = min(fit.effective_nodes for fit in fits.values())
    why = (
        "Coefficients and scale are integrated exactly, the two correlations by quadrature "
        f"(weight spread over {nodes:.0f} nodes at least)."
    )
    if any(isinstance(fit, CountFit) for fit in fits.values()):
        why = (
            "Coefficients and states are integrated by a normal approximation at each node of a "
            "quadrature, and draws of it are weighed by the exact density."
        )
    verdict: Verdict = "problem" if doubts else "warning" if reasons else "good"
    return Diagnostics(
        method="quadrature", verdict=verdict, reasons=tuple([*doubts, *reasons][:5]), why=why
    )


def _slow(fits: Mapping[str, "Fit"]) -> Iterator[str]:
    for label, fit in fits.items():
        chance = fit.near_unit_root()
        if chance > _SLOW_BAR:
            yield (
                f"{label}: the series hardly forgets (chance {chance:.2f} of a correlation above "
                "0.99), so a slow drift may pass for an effect."
            )


def _doubtful(fits: Mapping[str, "Fit"]) -> Iterator[str]:
    from pymc_vibes.stats.count_series import CountFit
    from pymc_vibes.stats.latent_counts import DOUBTFUL_K

    for label, fit in fits.items():
        k = fit.regression.tail_shape if isinstance(fit, CountFit) else None
        if k is not None and k > DOUBTFUL_K:
            yield (
                f"{label}: the approximation is too far from the posterior to be corrected "
                f"(Pareto k {k:.2f}, above {DOUBTFUL_K})."
            )
