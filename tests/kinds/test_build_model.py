"""The PyMC models of the kinds under their public name, which tells the kind by the settings."""

from typing import Any

import pyarrow.compute as pc
import pymc as pm
import pytest

import pymc_vibes
from pymc_vibes.core.errors import KindNotFound
from pymc_vibes.kinds import catalog, entity_rates
from pymc_vibes.kinds.entity_rates.settings import EntityConfig
from tests.contract.bench import Bench, world
from tests.kinds.entity_worlds import events_of

SAMPLED = {
    "entity-rates": "theta",
    "interrupted-time-series": "coefficients",
    "marketing-mix": "effect",
    "poisson-cohorts": "rate",
}


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


def test_every_kind_that_may_sample_has_a_model() -> None:
    own = {slug: kind for slug, kind in catalog().items() if slug in SAMPLED}
    others = [kind.build_model for slug, kind in catalog().items() if slug not in SAMPLED]

    assert all(kind.build_model is not None for kind in own.values())
    assert others == [None] * len(others)


@pytest.mark.parametrize(("slug", "variable"), SAMPLED.items())
def test_settings_say_whose_model_it_is(bench: Bench, slug: str, variable: str) -> None:
    kind: Any = catalog()[slug]
    _, events = world(kind, kind.sizes.few)
    if slug == "interrupted-time-series":  # several series are not sampled
        events = events.filter(pc.equal(events["user_id"], events["user_id"][0]))
    config, cells = bench.cells(kind, events, kind.example)

    model = pymc_vibes.build_model(cells, config)

    assert isinstance(model, pm.Model)
    assert variable in model.named_vars


def test_the_model_of_entity_rates_has_the_promised_data_and_dimensions(bench: Bench) -> None:
    counts = {"a": [3, 0, 7, 2], "b": [0, 0, 0, 1], "c": [40, 12, 31, 22]}
    config, cells = bench.cells(entity_rates.kind, events_of(counts), EntityConfig())

    model = pymc_vibes.build_model(cells, config)

    dims = model.named_vars_to_dims
    assert (dims["theta"], dims["entity_idx"], dims["y_obs"]) == (("entity",), ("obs",), ("obs",))
    assert {"entity_idx", "y_obs"} <= {data.name for data in model.data_vars}
    assert model["entity_idx"].get_value().tolist() == [0] * 4 + [1] * 4 + [2] * 4
    # windows of an entity are in the order of their counts where none of it matters
    ordered = [n for row in counts.values() for n in sorted(row)]
    assert model["y_obs"].get_value().tolist() == ordered


def test_settings_that_are_never_sampled_have_no_model(bench: Bench) -> None:
    kind: Any = catalog()["bernoulli"]
    config, cells = bench.cells(kind, world(kind, 20)[1], kind.example)

    with pytest.raises(KindNotFound, match="no model of the settings") as refused:
        pymc_vibes.build_model(cells, config)

    assert all(slug in str(refused.value.hint) for slug in SAMPLED)
