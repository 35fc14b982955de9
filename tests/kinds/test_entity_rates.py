"""What is special about entity rates: surprise, ranks, words, edges, two engines, extensions."""

from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import stats

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import EntityNotFound
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.entity_rates import kind
from pymc_vibes.kinds.entity_rates.priors import Reference
from pymc_vibes.kinds.entity_rates.reading import entities_of
from pymc_vibes.kinds.entity_rates.settings import EntityConfig
from pymc_vibes.kinds.entity_rates.surprise import surprises
from pymc_vibes.stats.calibrate import distance, dkw_bound, sbc_ranks
from pymc_vibes.stats.draws import Draws
from tests.contract.bench import Bench
from tests.kinds.entity_worlds import analyze, events_of, fit_world

EXTENSIONS: dict[str, dict[str, Any]] = {
    "zero inflation": {"zero_inflation": True},
    "covariates": {"covariates": True},
    "drift": {"autoregression": True},
    "bytes": {"sizes": True},
    "exposure": {"exposure": "measured"},
}


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


def ask(posterior: Posterior, config: EntityConfig, slug: str, **given: Any) -> dict[str, Any]:
    query: Any = kind.query(slug)
    return dict(query.answer(posterior, config, parse(query.parameters, given)).data)


def codes(posterior: Posterior, config: EntityConfig) -> set[str]:
    return {finding.code for finding in kind.summarize(posterior, config).findings}


# surprise


def test_an_odd_window_is_found_whatever_its_entity(bench: Bench) -> None:
    rng = np.random.default_rng(3)
    counts = {f"e{i:02d}": rng.poisson(rate, 20) for i, rate in enumerate([0.5, 5.0, 50.0] * 4)}
    counts["e00"][7], counts["e02"][3] = 9, 160

    posterior, config = analyze(bench, {k: v.tolist() for k, v in counts.items()})
    entities = entities_of(posterior, config.seed)
    found = surprises(entities)
    first = {posterior.cells["entity"][int(cell)].as_py() for cell in found.cell[:2]}

    assert first == {"e00", "e02"}
    assert found.rare >= 2
    assert found.is_high[:2].all()


def test_silence_of_a_busy_entity_is_odd_and_dated(bench: Bench) -> None:
    rng = np.random.default_rng(4)
    counts = {f"e{i}": rng.poisson(30, 25).tolist() for i in range(8)}
    counts["e3"][11] = 0

    posterior, config = analyze(bench, counts)
    table = kind.summarize(posterior, config).tables[1]

    assert table.rows[0][:4] == ("e3", "11", 1, 0)
    assert table.rows[0][5] == "low"


def test_a_new_entity_is_judged_by_the_population(bench: Bench) -> None:
    rng = np.random.default_rng(5)
    counts = {f"e{i}": rng.poisson(rate, 12).tolist() for i, rate in enumerate([1, 2, 4, 40] * 5)}
    posterior, config = analyze(bench, counts)

    known = ask(posterior, config, "score", entity="e0", count=30)
    new = ask(posterior, config, "score", count=30)

    assert known["p_two_sided"] < 0.01 < new["p_two_sided"]
    assert new["is_new"]


# words


def test_alike_entities_are_called_alike(bench: Bench) -> None:
    rng = np.random.default_rng(6)
    counts = {f"e{i}": rng.poisson(50, 60).tolist() for i in range(20)}

    posterior, config = analyze(bench, counts)
    summary = kind.summarize(posterior, config)

    assert "differ by less than 10%" in summary.headline
    assert "near-poisson" in {finding.code for finding in summary.findings}
    assert summary.claims[0].tone == "same"


def test_one_window_per_entity_is_said_to_separate_nothing(bench: Bench) -> None:
    posterior, config = analyze(bench, {f"e{i}": [i % 4] for i in range(12)})

    assert "not-separable" in codes(posterior, config)


def test_two_windows_per_entity_are_enough_to_separate(bench: Bench) -> None:
    posterior, config = analyze(bench, {f"e{i}": [i % 4, i % 3] for i in range(12)})

    assert "not-separable" not in codes(posterior, config)


def test_nobody_is_likeliest_among_equals(bench: Bench) -> None:
    posterior, config = analyze(bench, {name: [0, 0, 0] for name in "abc"})

    summary = kind.summarize(posterior, config)

    assert "3 have the same counts" in summary.headline
    assert "likeliest" not in summary.headline


def test_no_table_of_unusual_windows_is_printed_where_there_are_none(bench: Bench) -> None:
    posterior, config = analyze(bench, {name: [3, 4, 3] for name in "abcd"})

    names = [table.name for table in kind.summarize(posterior, config).tables]

    assert names == ["ranks"]


def test_the_answer_names_its_prior_and_method(bench: Bench) -> None:
    posterior, config = analyze(bench, {"a": [1, 2], "b": [4, 0]}, prior={"kind": "reference"})

    context = kind.summarize(posterior, config).context

    assert "Exponential(0.1)" in str(context["prior"])
    assert context["method"] == "quadrature"
    assert "nothing is sampled" in str(posterior.diagnostics.why)


def test_chances_above_a_threshold_are_claimed(bench: Bench) -> None:
    posterior, config = analyze(bench, {"a": [9, 11, 10], "b": [1, 0, 2]}, threshold=4.0)

    claims = {claim.text: claim.probability for claim in kind.summarize(posterior, config).claims}

    (high,) = (p for text, p in claims.items() if text.startswith("The rate of a is above 4"))
    (low,) = (p for text, p in claims.items() if text.startswith("The rate of b is above 4"))
    assert high > 0.97
    assert low < 0.1


def test_ranks_are_those_of_well_separated_rates(bench: Bench) -> None:
    counts = {name: [rate] * 12 for name, rate in (("a", 2), ("b", 20), ("c", 200))}
    posterior, config = analyze(bench, counts, top=2)

    found = ask(posterior, config, "rank")

    assert found["entities"] == ["c", "b", "a"]
    assert found["expected_rank"] == pytest.approx([1, 2, 3], abs=1e-3)
    assert found["p_top"][1] > 0.999 > 0.001 > found["p_top"][2]


# edges


@pytest.mark.parametrize(
    "counts",
    [
        {"a": [0, 0, 0], "b": [0, 0, 0]},
        {"only": [3, 1, 4, 1, 5]},
        {"a": [7]},
        {"a": [900_000_000, 850_000_000], "b": [10, 0]},
        {"\u202e<b>'; drop": [1, 2], "ü | 'x'": [0, 5], " ": [2, 2]},
    ],
    ids=["silence", "one entity", "one count", "huge", "hostile"],
)
def test_extreme_data_have_an_answer(bench: Bench, counts: dict[str, list[int]]) -> None:
    posterior, config = analyze(bench, counts)

    summary = kind.summarize(posterior, config)

    assert summary.headline
    assert kind.figures(posterior, config)
    assert np.isfinite(posterior["theta"].distribution.mean()).all()


def test_an_unknown_entity_is_not_found(bench: Bench) -> None:
    posterior, config = analyze(bench, {"host-1": [1, 2], "host-2": [4, 0]})

    with pytest.raises(EntityNotFound, match="host-3"):
        ask(posterior, config, "rate", entity="host-3")


def test_an_empty_experiment_says_what_is_missing(bench: Bench) -> None:
    with pytest.raises(Exception, match="no count"):
        bench.fit(kind, events_of({"a": [1]}).slice(0, 0), EntityConfig())


# two engines


def test_a_sampler_agrees_with_the_quadrature(bench: Bench) -> None:
    counts = {
        "a": [3, 0, 7, 2, 5],
        "b": [0, 0, 1, 0, 1],
        "c": [18, 25, 31, 22, 9],
        "d": [4, 4, 2, 6, 1],
    }
    prior = {"kind": "reference"}

    exact, _ = analyze(bench, counts, prior=prior)
    drawn, config = analyze(bench, counts, prior=prior, engine="nuts", draws=1000)

    assert drawn.method == "nuts"
    assert "set to nuts" in str(drawn.diagnostics.why)
    for variable in exact.variables:
        chains = drawn[variable.name].distribution
        assert isinstance(chains, Draws)
        gap = np.abs(chains.mean() - variable.distribution.mean())
        assert (gap < 6 * chains.mcse()).all()  # false alarms: 2e-9 for each of nine numbers
    assert drawn.samples is not None
    assert {"prior_predictive", "posterior_predictive"} <= set(drawn.samples.children)
    assert kind.figures(drawn, config)
    assert kind.summarize(drawn, config).headline


def test_numbers_of_chains_carry_the_error_of_the_chains(bench: Bench) -> None:
    counts = {"a": [3, 0, 7, 2, 5], "b": [0, 0, 1, 0, 1], "c": [18, 25, 31, 22, 9]}
    exact, _ = analyze(bench, counts)
    drawn, config = analyze(bench, counts, engine="nuts", draws=1000)
    assert drawn.samples is not None
    chains = drawn.samples["posterior"]
    rates = chains["theta"].transpose("chain", "draw", "entity")
    a, c = (rates.sel(entity=name).to_numpy() for name in ("a", "c"))

    told = {one.label: one.mcse for one in kind.summarize(drawn, config).estimates}
    query: Any = kind.query("compare")
    pair = query.answer(drawn, config, parse(query.parameters, {"a": "a", "b": "c"})).summary
    between = {one.name: one.mcse for one in pair.estimates}

    axes = {"chain_axis": 0, "draw_axis": 1}
    numbers = (a, c, chains["mu"].to_numpy(), a - c, a / c)
    of_arviz = [float(array_stats.mcse(x, **axes)) for x in numbers]
    ours = [told["a"], told["c"], told["mean rate"], between["difference"], between["ratio"]]
    assert ours == pytest.approx(of_arviz, rel=1e-9)
    assert {one.mcse for one in kind.summarize(exact, config).estimates} == {None}


# extensions: each finds the truth of its world


@pytest.mark.slow
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_an_extension_finds_its_truth(bench: Bench, extension: str) -> None:
    truth, posterior = fit_world(bench, 5, 600, draws=1000, **EXTENSIONS[extension])

    assert posterior.diagnostics.converged
    for variable in posterior.variables:
        true = truth[variable.name].to_numpy()
        off = np.abs(variable.distribution.mean() - true) / variable.distribution.sd()
        assert (off < 6).all()


def test_a_wrong_prior_is_seen_by_calibration(bench: Bench) -> None:
    right = EntityConfig(prior=Reference())
    wrong = EntityConfig(prior=Reference(alpha_prior_sd=0.05))

    def learn(truth: Any, rng: np.random.Generator) -> Posterior:
        return bench.fit(kind, kind.simulate(truth, 24, rng), wrong)[1]

    places = sbc_ranks(lambda rng: kind.truth(right, rng), learn, worlds=40, seed=4)

    assert distance(places["alpha"]) > dkw_bound(40, alpha=1e-6)


def test_the_prior_is_drawn_as_it_is_stated() -> None:
    config = EntityConfig(prior=Reference())
    rng = np.random.default_rng(7)

    drawn = np.array([float(kind.truth(config, rng)["mu"]) for _ in range(400)])

    # the central 95 % of Exponential(0.1), as the documentation says
    assert stats.expon.cdf([0.25, 36.9], scale=10) == pytest.approx([0.025, 0.975], abs=5e-4)
    assert stats.kstest(drawn, stats.expon(scale=10).cdf).pvalue > 1e-6
