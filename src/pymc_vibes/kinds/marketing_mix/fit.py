"""From cells to chains: what stands against a fit, then the sampler."""

from typing import TYPE_CHECKING

from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.evidence import evidence_of
from pymc_vibes.kinds.marketing_mix.study import (
    WITHOUT,
    Study,
    model_of,
    no_evidence,
    study_of,
)
from pymc_vibes.kinds.marketing_mix.validate import require_valid, validate

if TYPE_CHECKING:
    import pyarrow as pa
    import pymc as pm
    import xarray as xr

    from pymc_vibes.stats.draws import Support

_SUPPORTS: "dict[str, Support]" = {"decay": "unit"}
_COORDINATES = ("_standard", "along", "freedom_beyond")
"""Ends of names of what the sampler moves, from which everything else follows."""


def fit(cells: "pa.Table", config: MarketingMixConfig, watch: Watch) -> Posterior:
    """Sample the model that the settings mean; `InsufficientData` names what stands against it."""
    import xarray as xr

    from pymc_vibes.stats import nuts
    from pymc_vibes.stats.draws import sampled_posterior

    require_valid(validate(cells, config))
    watch.stage("building features")
    study = study_of(cells, config)
    note = "estimated carry-over and saturation have no closed form"
    if config.is_reference:
        note = "the reference model has no closed form"
    evidence = evidence_of(study.panel, study.span, study.features, config)
    settings = nuts.SamplerSettings.sharing(config)
    first = evidence if evidence is None else no_evidence(study)
    sampled = nuts.sample(model_of(study, config, first), settings, watch, note=note)
    groups = _kept(sampled.tree)
    if evidence is not None:  # always with and without: the difference is what was learned
        before, agreed = groups["posterior"], sampled.diagnostics.converged
        sampled = nuts.sample(model_of(study, config, evidence), settings, watch, note=note)
        groups = {**_kept(sampled.tree), WITHOUT: before.assign_attrs(agreed=int(agreed))}
    return sampled_posterior(
        nuts.Sampled(tree=xr.DataTree.from_dict(groups), diagnostics=sampled.diagnostics),
        cells=cells,
        constants={"grain": study.panel.grain, "periods": study.features.fitted},
        units=_units(study, config),
        supports=_SUPPORTS if config.estimates("decay") else {},
    )


def build_model(cells: "pa.Table", config: MarketingMixConfig) -> "pm.Model":
    """Give the PyMC model of cells: what the sampler draws from."""
    study = study_of(cells, config)
    evidence = evidence_of(study.panel, study.span, study.features, config)
    return model_of(study, config, evidence).build()


def _kept(tree: "xr.DataTree") -> "dict[str, xr.Dataset]":
    """Leave out what merely moved the sampler: the rest says it all."""
    groups = {name: group.to_dataset() for name, group in tree.children.items()}
    posterior = groups["posterior"]
    groups["posterior"] = posterior.drop_vars(
        [name for name in posterior.data_vars if str(name).endswith(_COORDINATES)]
    )
    return groups


def _units(study: Study, config: MarketingMixConfig) -> dict[str, str]:
    """Name the variables and their units; what is given is none."""
    unit = "log points" if config.link == "log" else "of mean sales"
    noise = {"sigma": "log points" if config.takes_log else "of mean sales"}
    if "student" in config.noise:
        noise["nu"] = ""
    if config.is_reference:
        return {"beta": unit, "sigma_beta": unit, "intercept": unit, **noise}
    own = "effect" if config.effect_prior.kind == "shared-scale" else "average_effect"
    units = {
        "decay": "", "peak": "periods", "shape": "", "spread": "periods",
        "half": "of the largest activity", "slope": "",
    }  # fmt: skip
    estimated = {name: units[name] for name in study.features.form.spec.parameters}
    shaped = {name: unit for name, unit in estimated.items() if config.estimates(name)}
    geos = {"geo_spread": "log points"} if study.features.form.geos else {}
    return {own: unit, **shaped, **geos, **noise}
