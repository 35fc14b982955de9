"""What a fit rests on: panel, windows, features, and the model that the settings mean."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.kinds.marketing_mix.canonical import Panel, panel_of
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.features import Features, features_of
from pymc_vibes.kinds.marketing_mix.windows import Span, span_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pyarrow as pa
    import xarray as xr

    from pymc_vibes.stats.media_effects import MediaDraws
    from pymc_vibes.stats.media_experiments import Evidence
    from pymc_vibes.stats.nuts import Model
    from pymc_vibes.stats.special import Array


WITHOUT = "posterior_without_experiments"
"""The group of chains of the same model that heard of no experiment."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """Cells, read: pure, so that the same cells and settings give the same study."""

    panel: Panel
    span: Span
    features: Features

    @property
    def days(self) -> "np.ndarray":
        """Give the first day of every fitted period, in days since 1970."""
        return self.features.days[: self.features.fitted]

    @property
    def sales(self) -> "Array":
        """Give sales of all entities together in every fitted period; nan where one is missing."""
        return self.features.sales[:, : self.features.fitted].sum(axis=0)

    @property
    def spend(self) -> "Array":
        """Give money spent in every fitted period, `(periods, channels)`; nan where not known."""
        return self.features.spend[:, : self.features.fitted].sum(axis=0)


def study_of(cells: "pa.Table", config: MarketingMixConfig) -> Study:
    """Read cells; raises as `panel_of` and `span_of` do."""
    panel = panel_of(cells, config)
    span = span_of(panel, config)
    return Study(panel=panel, span=span, features=features_of(panel, span, config))


def model_of(
    study: Study, config: MarketingMixConfig, evidence: "Evidence | None" = None
) -> "Model":
    """Say what to sample."""
    from pymc_vibes.stats.media_reference import reference_model
    from pymc_vibes.stats.media_sampling import brand_model

    features = study.features
    if config.is_reference:
        return reference_model(
            features.series[0], features.form, given_parameters(study), center=config.center_target
        )
    return brand_model(features.series, features.form, features.priors, evidence)


def no_evidence(study: Study) -> "Evidence":
    """Give what no experiment says: a model that hears it has the structure of one with some."""
    from pymc_vibes.stats.media_experiments import gather
    from pymc_vibes.stats.media_sampling import measures

    series, form = study.features.series, study.features.form
    return gather([], series[0].activity / measures(series, form)[0].scale, form.spec.lags)


def draws_of(
    tree: "xr.DataTree", study: Study, config: MarketingMixConfig
) -> "tuple[MediaDraws, ...]":
    """Read chains back, entity by entity: nothing is sampled."""
    from pymc_vibes.core.answer import Diagnostics
    from pymc_vibes.stats.media_reference import reference_draws
    from pymc_vibes.stats.media_sampling import brand_draws
    from pymc_vibes.stats.nuts import Sampled

    features = study.features
    sampled = Sampled(tree=tree, diagnostics=Diagnostics(method="nuts"))
    if config.is_reference:
        given = given_parameters(study)
        one = reference_draws(
            sampled, features.series[0], features.form, given, center=config.center_target
        )
        return (one,)
    return brand_draws(sampled, features.series, features.form, features.priors)


def prior_of(study: Study, config: MarketingMixConfig, draws: int) -> "xr.Dataset":
    """Draw what the model estimates from its prior, as one chain: nothing is sampled."""
    from pymc_vibes.core.posterior import stream
    from pymc_vibes.stats.media_prior import brand_prior, reference_prior

    features, rng = study.features, stream(config.seed, "prior predictive")
    if config.is_reference:
        return reference_prior(features.form, draws, rng)
    return brand_prior(features.series, features.form, features.priors, draws, rng)


def given_parameters(study: Study) -> "Mapping[str, Array]":
    """Give the parameters of carry-over and saturation that are not estimated, by channel."""
    import numpy as np

    many = len(study.panel.channels)
    return {
        name: np.array(np.broadcast_to(prior.first, many), dtype=float)
        for name, prior in study.features.priors.parameters.items()
    }
