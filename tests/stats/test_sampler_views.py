"""What a sampled posterior shows of its sampler, and what it leaves out."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
import xarray as xr

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.stats.draws import sampled_posterior
from pymc_vibes.stats.nuts import Sampled
from pymc_vibes.stats.sampler_views import chain_figures, parameter_tables


def posterior(entities: int = 5) -> Posterior:
    rng = np.random.default_rng(4)
    chains = xr.Dataset(
        {
            "mu": (("chain", "draw"), rng.normal(3.0, 0.5, (4, 500))),
            "effect": (("chain", "draw", "covariate"), rng.normal(size=(4, 500, 2))),
            "theta": (("chain", "draw", "entity"), rng.gamma(2.0, size=(4, 500, entities))),
        },
        coords={"covariate": ["x_age", "x_dose"], "entity": [f"e{i}" for i in range(entities)]},
    )
    sampled = Sampled(
        tree=xr.DataTree.from_dict({"posterior": chains}), diagnostics=Diagnostics(method="nuts")
    )
    units = {"mu": "events per day", "effect": "", "theta": "events per day"}
    return sampled_posterior(sampled, cells=pa.table({"k": [1]}), constants={}, units=units)


def test_every_parameter_has_its_line() -> None:
    (table,) = parameter_tables(posterior())

    names = [row[0] for row in table.rows]
    assert names == ["mu", "effect[x_age]", "effect[x_dose]", *(f"theta[e{i}]" for i in range(5))]
    mu = dict(zip(table.columns, table.rows[0], strict=True))
    # independent draws: 6 standard errors of the mean, and as many effective draws as there are
    assert mu["mean"] == pytest.approx(3.0, abs=6 * 0.5 / 2000**0.5)
    assert mu["R-hat"] == pytest.approx(1.0, abs=0.01)
    assert isinstance(mu["bulk ESS"], float)
    assert mu["bulk ESS"] > 1000


def test_thousands_of_rates_are_counted_and_not_listed() -> None:
    (table,) = parameter_tables(posterior(entities=3000))

    assert [row[0] for row in table.rows] == ["mu", "effect[x_age]", "effect[x_dose]"]
    assert table.total == 3003


def test_shared_parameters_have_traces_and_ranks() -> None:
    names = [figure.name for figure in chain_figures(posterior())]

    assert names == [
        *("mu_trace", "mu_ranks"),
        *("effect_1_trace", "effect_1_ranks", "effect_2_trace", "effect_2_ranks"),
    ]


def test_what_was_not_sampled_shows_no_chains() -> None:
    integrated = dataclasses.replace(posterior(), samples=None)

    assert chain_figures(integrated) == ()
    assert parameter_tables(integrated) == ()
