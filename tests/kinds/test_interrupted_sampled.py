"""Interrupted series by the sampler: outliers, storage, and who is refused."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds import catalog
from pymc_vibes.kinds.interrupted_series import build_model
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.kinds.interrupted_series.fit import fit
from pymc_vibes.stats.draws import from_tree, to_tree
from tests.contract.bench import Bench
from tests.kinds.test_interrupted_terms import T, daily, day, noise

KIND = catalog()["interrupted-time-series"]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.connection.disconnect()


def settings(**given: object) -> InterruptedConfig:
    return parse(InterruptedConfig, {"intervention_date": day(50), "draws": 4000} | given)


def test_outliers_weigh_less_and_the_answer_survives_storage(bench: Bench) -> None:
    values = noise(31) + 4.0 * (T >= 50)
    values[[5, 20, 61, 77, 90]] += [40.0, -35.0, 45.0, 38.0, -30.0]
    config = settings(errors="student", correlation="ar1-white")

    resolved, posterior = bench.fit(KIND, daily(values), config)
    again = from_tree(to_tree(posterior), posterior.cells)

    assert posterior.method == "nuts"
    assert posterior.diagnostics.verdict in {"good", "warning"}
    summary = KIND.summarize(again, resolved)
    assert summary == KIND.summarize(posterior, resolved)
    (average,) = (e for e in summary.estimates if e.name == "average")
    other, exact = bench.fit(KIND, daily(values), settings())
    plain = KIND.summarize(exact, other)
    (normal,) = (e for e in plain.estimates if e.name == "average")
    for one in (average, normal):
        assert one.interval.low is not None
        assert one.interval.high is not None
    assert average.interval.low < 4.0 < average.interval.high
    width = average.interval.high - average.interval.low
    assert width < 0.6 * (normal.interval.high - normal.interval.low)
    assert {"parameters"} <= {table.name for table in summary.tables}
    figures = {figure.name: figure for figure in KIND.figures(again, resolved)}
    assert "average_trace" in figures
    before, after = (figures[f"{name}_predictive_check"] for name in ("prior", "posterior"))
    widths = [
        np.subtract(check.spec.tables["replicated"]["high"], check.spec.tables["replicated"]["low"])
        for check in (before, after)
    ]
    assert (widths[0] > widths[1]).all()  # the data taught something


def test_several_series_are_not_sampled(bench: Bench) -> None:
    both = pa.concat_tables(
        [daily(noise(seed), user_id=[f"person {seed}"] * len(T)) for seed in (1, 2)]
    )
    resolved, cells = bench.cells(KIND, both, settings(engine="nuts"))

    with pytest.raises(BadConfig, match="2 series are too many to sample"):
        fit(cells, resolved, NOBODY)


def test_the_model_that_is_sampled_can_be_had(bench: Bench) -> None:
    resolved, cells = bench.cells(KIND, daily(noise(32)), settings(errors="student"))

    model = build_model(cells, resolved)

    assert {"sigma", "nu", "coefficients"} <= set(model.named_vars)
    assert np.isfinite(model.compile_logp()(model.initial_point()))


def test_what_the_prior_of_counts_expects_is_drawn_however_absurd(bench: Bench) -> None:
    counts = np.random.default_rng(3).poisson(20, len(T)).astype(float)
    config = settings(outcome_type="count", engine="nuts")

    resolved, posterior = bench.fit(KIND, daily(counts), config)

    checks = {figure.name: figure for figure in KIND.figures(posterior, resolved)}
    drawn = checks["prior_predictive_check"].spec.tables["replicated"]
    assert np.isfinite(drawn["high"]).all()
    assert "observed days" in checks["posterior_predictive_check"].title
    assert f"{len(T)} of {len(T)} days before" in checks["prior_predictive_check"].title
