"""The fit: by quadrature where the model is the basic one, else by sampling, and why."""

from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.errors import TooLarge
from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.entity_rates.data import Counts, check, inputs
from pymc_vibes.kinds.entity_rates.settings import EntityConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.stats.entity_hierarchy import EntityHierarchy
    from pymc_vibes.stats.nuts import Model

MOST_SAMPLED = 20_000  # entities whose rates are sampled one by one
_MODELS = "pymc_vibes.kinds.entity_rates.models"
_BASIC = ("theta", "mu", "spread", "noise")
_REFERENCE = ("alpha", "phi")  # under the scale-free prior they have no mean, whatever the data
_EXTENDED = {
    "zero_inflation": ("zero_share",),
    "covariates": ("effect",),
    "autoregression": ("persistence", "drift_sd"),
    "sizes": ("size_level", "size_spread", "size_noise", "size_link"),
}


def fit(cells: "pa.Table", config: EntityConfig, watch: Watch) -> Posterior:
    """Give the posterior of every entity's rate and of the population they come from."""
    counts = Counts(cells)
    check(counts, config)
    if config.engine == "nuts":
        return _sample(counts, config, watch, why="sampled because the engine is set to nuts")
    if config.extensions:
        beyond = ", ".join(config.extensions)
        return _sample(counts, config, watch, why=f"sampled because of {beyond}")
    return _integrate(counts, config, watch)


def _integrate(counts: Counts, config: EntityConfig, watch: Watch) -> Posterior:
    from pymc_vibes.stats.entity_hierarchy import entity_rates
    from pymc_vibes.stats.lattice import QuadratureRefused

    watch.stage("quadrature")
    try:
        found = entity_rates(
            counts.total, counts.observed, *counts.histogram, config.prior.for_quadrature()
        )
    except QuadratureRefused as refusal:
        why = f"sampled because quadrature would not have been accurate: {refusal.reason}"
        return _sample(counts, config, watch, why=why)
    return _integrated(found, counts, config)


def _integrated(found: "EntityHierarchy", counts: Counts, config: EntityConfig) -> Posterior:
    rates = Variable(
        name="theta",
        dim="entity",
        labels=counts.labels,
        unit=config.unit,
        distribution=found.rates,
    )
    scalars = tuple(
        Variable(name=name, dim=None, labels=(name,), unit=unit, distribution=getattr(found, name))
        for name, unit in _units(config).items()
        if name != "theta"
    )
    diagnostics = Diagnostics(
        method="quadrature",
        error_estimate=found.error_estimate,
        why=(
            "every rate is integrated out by quadrature in one dimension, the population by "
            f"quadrature in three, with an error of about {found.error_estimate:.1g} posterior sd; "
            "nothing is sampled"
        ),
    )
    return Posterior(
        method="quadrature",
        variables=(rates, *scalars),
        cells=counts.cells,
        constants=_constants(config),
        diagnostics=diagnostics,
        joint=found.joint,
    )


def _sample(counts: Counts, config: EntityConfig, watch: Watch, *, why: str) -> Posterior:
    from pymc_vibes.kinds.entity_rates.checks import predictive_groups
    from pymc_vibes.stats import nuts
    from pymc_vibes.stats.draws import sampled_posterior, with_groups

    if len(counts.labels) > MOST_SAMPLED:
        raise TooLarge(
            f"{len(counts.labels):,} entities are too many to sample: at most {MOST_SAMPLED:,}.",
            hint="The basic model takes any number of entities: leave engine at auto and "
            "extensions off.",
            limit=MOST_SAMPLED,
        )
    settings = nuts.SamplerSettings(
        draws=config.draws,
        tune=config.tune,
        chains=config.chains,
        target_accept=config.target_accept,
        seed=config.seed,
    )
    other = "non-centered" if config.form == "centered" else "centered"
    drawn = nuts.sample(
        _model(counts, config),
        settings,
        watch,
        other_form=_model(counts, config.model_copy(update={"form": other})),
        note=why,
    )
    posterior = sampled_posterior(
        drawn, cells=counts.cells, constants=_constants(config), units=_units(config)
    )
    watch.stage("predictive checks")
    return with_groups(posterior, predictive_groups(posterior, counts, config))


def _model(counts: Counts, config: EntityConfig) -> "Model":
    from pymc_vibes.stats import nuts

    given = inputs(counts, config, by_row=config.needs_rows)
    return nuts.Model(
        builder=f"{_MODELS}:{given.function}",
        options=given.options,
        data=given.data,
        coords=given.coords,
    )


def _units(config: EntityConfig) -> dict[str, str]:
    """Give the variables of the posterior with their units."""
    switched = (name for name in _EXTENDED if getattr(config, name))
    known = (*_BASIC, *(_REFERENCE if config.prior.kind == "reference" else ()))
    names = (*known, *(variable for switch in switched for variable in _EXTENDED[switch]))
    units = {"theta": config.unit, "mu": config.unit}
    return {name: units.get(name, "") for name in names}


def _constants(config: EntityConfig) -> dict[str, Any]:
    return {
        "start": None if config.start is None else config.start.isoformat(),
        "end": None if config.end is None else config.end.isoformat(),
        "per": config.per,
        "prior": config.prior.kind,
        "prior_in_words": config.prior.describe(),
        "extensions": list(config.extensions),
    }
