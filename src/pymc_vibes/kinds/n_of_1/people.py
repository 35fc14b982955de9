"""The fits of all people of a trial, and what they have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.core.posterior import Variable, stream
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.model import population_prior

if TYPE_CHECKING:
    from pymc_vibes.stats.people import Normals, Population
    from pymc_vibes.stats.special import Array
    from pymc_vibes.stats.trial import TrialFit

FOCUS = 1
"""Number of the treatment in the headline; 0 is the comparator."""


@dataclass(frozen=True, eq=False)
class TrialFits:
    """Everybody's fit by label, and all together where there are several people."""

    fits: Mapping[str, "TrialFit"]
    treatments: tuple[str, ...]
    """By number: the comparator, the one in the headline, the others."""
    others: Mapping[str, tuple[str, int]]
    """Label of every further effect, with the person and the treatment's number."""
    likelihoods: Mapping[str, "Normals"]
    """What each person's days alone say of the headline's effect."""
    population: "Population | None"

    def draw(self, name: str, indices: Sequence[int], n: int, seed: int) -> "Array":
        """Draw `n` values of some labels of one variable, `(n, labels)`.

        Further effects are those of people fitted alone.
        """
        import numpy as np

        if name == "other_effects":
            named = [list(self.others.values())[index] for index in indices]
            return np.column_stack([self._alone(*one, n, seed) for one in named])
        if self.population is None:
            labels = list(self.fits)
            return np.column_stack([self._alone(labels[i], FOCUS, n, seed) for i in indices])
        drawn = self.population.draw(n, stream(seed, "people"))
        if name == "effect":
            return drawn["effects"][:, list(indices)]
        return drawn["mean" if name == "population_effect" else "between"][:, None]

    def _alone(self, label: str, treatment: int, n: int, seed: int) -> "Array":
        return self.fits[label].draw(treatment, n, stream(seed, "user", label))


def fits_of(
    fits: Mapping[str, "TrialFit"], treatments: tuple[str, ...], config: NOf1Config
) -> TrialFits:
    """Bring people together: one alone keeps the prior of one, several have one in common."""
    import numpy as np

    from pymc_vibes.stats.people import combine, likelihood_of

    others: dict[str, tuple[str, int]] = {}
    for label, fit in fits.items():
        for k in range(2, len(treatments)):
            if fit.trial.observed_days(k) >= config.min_days:
                others[_new(f"{label} | {treatments[k]}", others)] = (label, k)
    likelihoods = {
        label: likelihood_of(
            fit.regression, fit.names[f"effect_{FOCUS}"], fit.model.effect_sd, fit.standard.spread
        )
        for label, fit in fits.items()
    }
    if len(fits) == 1:
        return TrialFits(fits, treatments, others, likelihoods, None)
    spread = float(np.sqrt(np.mean([fit.standard.spread**2 for fit in fits.values()])))
    population = combine(list(likelihoods.values()), population_prior(config, spread))
    return TrialFits(fits, treatments, others, likelihoods, population)


def _new(name: str, taken: Mapping[str, object]) -> str:
    """Make a name unlike those that are taken: names of people may hold any text."""
    while name in taken:
        name = f"({name})"
    return name


def variables(found: TrialFits, unit: str) -> tuple[Variable, ...]:
    """Name what is known: each person's effect, what people have in common, further effects."""
    from pymc_vibes.stats.student import stacked

    people, together = tuple(found.fits), found.population
    alone = [fit.effect(FOCUS) for fit in found.fits.values()]
    named = [
        Variable(
            name="effect", dim="user", labels=people, unit=unit,
            distribution=stacked(alone) if together is None else together.effects,
        )
    ]  # fmt: skip
    if together is not None:
        known = {"population_effect": together.effect_of_all, "between_sd": together.spread}
        named += [
            Variable(name=name, dim=None, labels=(name,), unit=unit, distribution=distribution)
            for name, distribution in known.items()
        ]
    if found.others:
        further = [found.fits[label].effect(k) for label, k in found.others.values()]
        named.append(
            Variable(
                name="other_effects", dim="user_treatment", labels=tuple(found.others), unit=unit,
                distribution=stacked(further),
            )
        )  # fmt: skip
    return tuple(named)
