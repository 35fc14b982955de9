"""The hierarchical fit: cohorts of one event borrow strength from each other.

    k_i ~ Poisson(lambda_i T_i),  lambda_i ~ Gamma(shape alpha, rate alpha / mean)

The rates are integrated out, alpha and mean by quadrature. Where its error estimate is too large,
or the engine is `nuts`, a sampler draws all of them, and the answer says why.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.poisson_cohorts.checks import predictive_groups
from pymc_vibes.kinds.poisson_cohorts.sampled import inputs, mean_median
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.spread import warned
from pymc_vibes.kinds.poisson_cohorts.view import (
    answered,
    constants_of,
    labels_of,
    most_frequent,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.stats.hierarchy import RateHierarchy
    from pymc_vibes.stats.nuts import Model

LEAST_DRAWS = 500  # of each chain: fewer tell little about their own quality
_BUILDER = "pymc_vibes.kinds.poisson_cohorts.sampled:hierarchy"
_ASKED = "it was asked for"


def fit_hierarchical(cells: "pa.Table", config: RateConfig, watch: Watch) -> Posterior:
    """Fit the hierarchy of one event: the one asked for, else the most frequent."""
    from pymc_vibes.stats.hierarchy import LogNormalPrior, gamma_poisson
    from pymc_vibes.stats.lattice import QuadratureRefused

    event = config.event or most_frequent(cells)
    known = answered(cells, event)
    if config.engine == "nuts":
        return _sample(cells, known, event, config, watch, why=_ASKED)
    watch.stage("quadrature")
    k, exposure = known["k"].to_numpy().astype(float), known["exposure"].to_numpy()
    try:
        found = gamma_poisson(
            k,
            exposure,
            shape=LogNormalPrior(config.shape_median, config.shape_log_sd),
            mean=LogNormalPrior(mean_median(exposure, config), config.mean_log_sd),
        )
    except QuadratureRefused as refusal:
        why = f"quadrature would not have been accurate enough: {refusal.reason}"
        return _sample(cells, known, event, config, watch, why=why)
    return _integrated(found, cells, known, event, config)


def _integrated(
    found: "RateHierarchy", cells: "pa.Table", known: "pa.Table", event: str, config: RateConfig
) -> Posterior:
    diagnostics = Diagnostics(
        method="quadrature",
        error_estimate=found.error_estimate,
        why=(
            "the rates are integrated out in closed form, the two hyperparameters by quadrature "
            f"with an error of about {found.error_estimate:.1g} posterior sd; no sampling"
        ),
    )
    scalars = {"mean": found.mean, "alpha": found.alpha, "beta": found.beta}
    rate = Variable(
        name="rate",
        dim="cohort",
        labels=labels_of(known),
        unit=units(config)["rate"],
        distribution=found.rates,
    )
    hyper = tuple(
        Variable(name=n, dim=None, labels=(n,), unit=units(config)[n], distribution=marginal)
        for n, marginal in scalars.items()
    )
    return Posterior(
        method="quadrature",
        variables=(rate, *hyper),
        cells=cells,
        constants=constants_of(config) | _own_constants(known, event, config),
        diagnostics=warned(diagnostics, known),
        joint=found.joint,
    )


def _sample(
    cells: "pa.Table",
    known: "pa.Table",
    event: str,
    config: RateConfig,
    watch: Watch,
    *,
    why: str,
) -> Posterior:
    from pymc_vibes.stats import nuts
    from pymc_vibes.stats.draws import sampled_posterior, with_groups

    settings = nuts.SamplerSettings.sharing(config, least=LEAST_DRAWS)
    drawn = nuts.sample(
        _model(known, config, "centered"),
        settings,
        watch,
        other_form=_model(known, config, "non-centered"),
        note=why,
    )
    posterior = sampled_posterior(
        drawn,
        cells=cells,
        constants=constants_of(config) | _own_constants(known, event, config),
        units=units(config),
    )
    watch.stage("predictive checks")
    groups = predictive_groups(posterior, known["exposure"].to_numpy(), config)
    return replace(with_groups(posterior, groups), diagnostics=warned(posterior.diagnostics, known))


def _model(known: "pa.Table", config: RateConfig, form: str) -> "Model":
    from pymc_vibes.stats import nuts

    k, exposure = known["k"].to_numpy(), known["exposure"].to_numpy()
    return nuts.Model(
        builder=_BUILDER,
        options={"form": form},
        data=inputs(k, exposure, mean_median(exposure, config), config),
        coords={"cohort": list(labels_of(known))},
    )


def units(config: RateConfig) -> dict[str, str]:
    """Give the unit of every variable."""
    rate = f"events per {config.per}"
    return {"rate": rate, "mean": rate, "alpha": "", "beta": config.pers}


def _own_constants(known: "pa.Table", event: str, config: RateConfig) -> dict[str, object]:
    median = mean_median(known["exposure"].to_numpy(), config)
    return {"event": event, "mean_median": median}
