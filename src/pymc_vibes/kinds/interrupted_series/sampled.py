"""The same models by the No-U-Turn sampler, and Student-t noise, which only it can do."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.kinds.interrupted_series.study import Study, studies_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pymc as pm
    import xarray as xr

    from pymc_vibes.stats import nuts
    from pymc_vibes.stats.interrupted import Fit

_UNITLESS = ("phi", "share", "nu", "tau", "alpha")


def sample(
    cells: "pa.Table",
    config: InterruptedConfig,
    watch: Watch,
    constants: Mapping[str, Any],
) -> Posterior:
    """Sample the only person's series; several are refused, because each takes seconds."""
    from pymc_vibes.stats import nuts
    from pymc_vibes.stats.draws import sampled_posterior

    label, study = only_study(cells, config)
    why = "the noise has heavy tails" if config.errors == "student" else "the engine is nuts"
    settings = nuts.SamplerSettings.sharing(config)
    drawn = nuts.sample(
        model_to_sample(study, config), settings, watch, note=f"sampled because {why}"
    )
    told = _with_effects(drawn.tree, label, study, config)
    scalars = {name: "" for name in _UNITLESS if name in told["posterior"]}
    spread = {"sigma": "sds of the days before"} if "sigma" in told["posterior"] else {}
    return sampled_posterior(
        nuts.Sampled(tree=told, diagnostics=drawn.diagnostics),
        cells=cells,
        constants=constants,
        units={**_effect_units(config), **spread, **scalars},
    )


def sampled_fits(posterior: Posterior, config: InterruptedConfig) -> "dict[str, Fit]":
    """Put a fit together from stored chains: nothing is sampled."""
    label, study = only_study(posterior.cells, config)
    if posterior.samples is None:
        raise TypeError("a sampled posterior has its chains")
    return {label: _fit(posterior.samples, study, config)}


def prior_fit(posterior: Posterior, config: InterruptedConfig, draws: int) -> "Fit":
    """Put together a fit of what the priors alone say, for the same days."""
    import xarray as xr

    from pymc_vibes.core.posterior import stream
    from pymc_vibes.stats.interrupted_sampling import prior_draws

    _, study = only_study(posterior.cells, config)
    found = prior_draws(model_to_sample(study, config), draws, stream(config.seed, "prior"))
    return _fit(xr.DataTree.from_dict({"posterior": found}), study, config)


def only_study(cells: "pa.Table", config: InterruptedConfig) -> tuple[str, Study]:
    """Give the one person's study; `BadConfig` where there are more with enough days."""
    found = studies_of(cells, config)
    studies = {label: study for label, study in found.items() if isinstance(study, Study)}
    if len(studies) > 1:
        raise BadConfig(
            f"{len(studies)} series are too many to sample: one at a time.",
            hint="Choose one with user_id, or take the exact engine with normal errors.",
            fields=[{"field": "user_id", "reason": "is open, and there are several"}],
        )
    (one,) = studies.items()
    return one


def model_to_sample(study: Study, config: InterruptedConfig) -> "nuts.Model":
    """Say what to sample of a study."""
    from pymc_vibes.stats.count_series import count_prior, count_rows
    from pymc_vibes.stats.interrupted import details_of, prior_of
    from pymc_vibes.stats.interrupted_sampling import count_model, series_model
    from pymc_vibes.stats.terms import design

    series, window, model = study.series, study.window, study.model
    names = list(model.columns)
    is_free = model.errors == "independent"
    if config.outcome_type == "count":
        return count_model(
            count_rows(series, window, model),
            count_prior(model, study.standard),
            errors="independent" if is_free else "ar1",
            names=names,
        )
    return series_model(
        series.day,
        series.count,
        design(series.day, window, model, details_of(series, model)),
        (series.mean - study.standard.center) / study.standard.spread,
        prior_of(model, study.standard),
        observation=config.errors,
        errors="independent" if is_free else "ar1" if model.errors == "ar1" else "ar1-white",
        names=names,
    )


def build_model(cells: "pa.Table", config: InterruptedConfig) -> "pm.Model":
    """Give the PyMC model of the only person's cells: what the sampler draws from."""
    _, study = only_study(cells, config)
    return model_to_sample(study, config).build()


def _effect_units(config: InterruptedConfig) -> dict[str, str]:
    from pymc_vibes.stats.interrupted import EFFECTS

    return dict.fromkeys(EFFECTS, config.outcome_unit)


def _with_effects(
    tree: "xr.DataTree", label: str, study: Study, config: InterruptedConfig
) -> "xr.DataTree":
    """Add the effects to what was sampled, `(chain, draw, user)`."""
    import xarray as xr

    from pymc_vibes.stats.draws import Draws
    from pymc_vibes.stats.interrupted import EFFECTS

    fit = _fit(tree, study, config)
    groups = {name: group.to_dataset() for name, group in tree.children.items()}
    posterior = groups["posterior"]
    for name in EFFECTS:
        effect = fit.effect(name, config.window_days)
        assert isinstance(effect, Draws)  # noqa: S101  # of a sampler
        posterior[name] = (("chain", "draw", "user"), effect.values)
    posterior = posterior.assign_coords(user=[label])
    return xr.DataTree.from_dict({**groups, "posterior": posterior})


def _fit(tree: "xr.DataTree", study: Study, config: InterruptedConfig) -> "Fit":
    import numpy as np

    from pymc_vibes.stats.count_series import CountFit, RateDraws
    from pymc_vibes.stats.drawn_series import DrawnCoefficients
    from pymc_vibes.stats.interrupted import Fit

    chains = tree["posterior"]

    def drawn(name: str, otherwise: float = 0.0) -> "np.ndarray":
        known = (chains.sizes["chain"], chains.sizes["draw"])
        if name not in chains:
            return np.full(known, otherwise)
        return chains[name].transpose("chain", "draw", ...).to_numpy().astype(float)

    given = (study.series, study.window, study.model, study.standard)
    coefficients = drawn("coefficients")
    if config.outcome_type == "count":
        extra = drawn("alpha", np.inf) ** -0.5
        return CountFit(*given, RateDraws(coefficients, drawn("phi"), drawn("tau"), extra))
    share, sigma = drawn("share", 0.5), drawn("sigma")
    if "nu" in chains:  # a day's variance, of which share is the state's
        white = (1 - share) * drawn("nu") / (drawn("nu") - 2)
        sigma, share = sigma * np.sqrt(share + white), share / (share + white)
    return Fit(*given, DrawnCoefficients(coefficients, sigma, drawn("phi"), share))
