"""Rates that borrow strength: published numbers, two engines, units, gaps, worlds, words."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import special

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.poisson_cohorts import kind
from pymc_vibes.kinds.poisson_cohorts.sampled import build_model
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.stats.calibrate import distance, dkw_bound, sbc_ranks
from tests.contract.bench import Bench
from tests.kinds.rate_worlds import analyze, ask, counted, fitted, measured

# Gaver and O'Muircheartaigh (1987), Technometrics 29, 1-15: failures of pumps, thousands of hours
PUMPS = [
    ("p01", 5, 94.3), ("p02", 1, 15.7), ("p03", 5, 62.9), ("p04", 14, 126.0), ("p05", 3, 5.24),
    ("p06", 19, 31.4), ("p07", 1, 1.048), ("p08", 1, 1.048), ("p09", 4, 2.096), ("p10", 22, 10.48),
]  # fmt: skip
HIERARCHY = {"model": "hierarchical", "exposure": "measured", "exposure_unit": "thousand hours"}


def pumps(**given: object) -> tuple[Posterior, RateConfig]:
    return analyze(measured(PUMPS, "failure"), **HIERARCHY, **given)


def by_grid(config: RateConfig) -> tuple[np.ndarray, np.ndarray]:
    """Integrate the pumps on a dense grid: posterior means of the rates, and of alpha and mean."""
    k, exposure = (np.array(column, dtype=float) for column in list(zip(*PUMPS, strict=True))[1:])
    log_alpha, log_mean = np.meshgrid(np.linspace(-6, 6, 500), np.linspace(-8, 8, 500))
    alpha, mean = np.exp(log_alpha)[..., None], np.exp(log_mean)[..., None]
    beta = alpha / mean
    terms = special.gammaln(k + alpha) - special.gammaln(alpha) + alpha * np.log(beta)
    terms = terms - (k + alpha) * np.log(beta + exposure)
    median = 1 / exposure.mean()
    log_density = terms.sum(axis=-1) - ((log_alpha - np.log(2)) / config.shape_log_sd) ** 2 / 2
    log_density -= ((log_mean - np.log(median)) / config.mean_log_sd) ** 2 / 2
    weights = np.exp(log_density - log_density.max())
    weights /= weights.sum()
    rates = ((k + alpha) / (exposure + beta) * weights[..., None]).sum(axis=(0, 1))
    return rates, np.array([(x[..., 0] * weights).sum() for x in (alpha, mean)])


# right


def test_pumps_agree_with_a_dense_grid() -> None:
    posterior, config = pumps()

    rates, hyper = by_grid(config)

    assert posterior.method == "quadrature"
    assert posterior["rate"].distribution.mean() == pytest.approx(rates, rel=1e-3)
    found = [posterior[name].distribution.mean()[0] for name in ("alpha", "mean")]
    assert found == pytest.approx(hyper, rel=2e-3)


def test_pumps_agree_with_the_published_rates() -> None:
    # OpenBUGS, Examples Volume 1, "Pumps": theta of pumps 1 and 10 is 0.05993 and 1.985 under other
    # priors (alpha ~ Exponential(1), beta ~ Gamma(0.1, 1)), which such rates hardly feel
    rates = pumps()[0]["rate"].distribution.mean()

    assert rates[0] == pytest.approx(0.0599, rel=0.05)
    assert rates[9] == pytest.approx(1.99, rel=0.05)


def test_a_sampler_and_quadrature_agree() -> None:
    exact, _ = pumps()
    sampled, _ = pumps(engine="nuts", draws=8000)

    assert (sampled.method, sampled.diagnostics.verdict) == ("nuts", "good")
    assert sampled.diagnostics.why == "it was asked for"
    for name in ("rate", "alpha", "beta", "mean"):
        known, drawn = exact[name].distribution, sampled[name].distribution
        # 13 numbers at 5 standard errors: a false alarm in fewer than one of 100 000 runs
        gap = np.abs(drawn.mean() - known.mean())
        assert (gap < 5 * drawn.parameters()["mcse"]).all()


def test_the_answer_of_a_sampler_is_that_of_quadrature() -> None:
    exact, config = pumps()
    sampled, _ = pumps(engine="nuts", draws=8000)

    known = ask(exact, config, "compare", a="p05", b="p06").data
    found = ask(sampled, config, "compare", a="p05", b="p06").data

    # 2 000 of the draws of the hyperparameters: their noise is below 0.02, five times 0.004
    assert found["p_A_gt_B"] == pytest.approx(known["p_A_gt_B"], abs=0.02)
    assert found["A"]["method"] == "nuts"


def test_the_answer_of_a_sampler_shows_its_chains() -> None:
    sampled, config = pumps(engine="nuts", draws=8000)

    tables = {table.name: table for table in kind.summarize(sampled, config).tables}
    figures = {figure.name for figure in kind.figures(sampled, config)}

    assert {"alpha", "mean", "rate[p01]"} <= {row[0] for row in tables["parameters"].rows}
    assert {"alpha_trace", "alpha_ranks", "mean_trace"} <= figures


def test_a_sampled_hierarchy_keeps_simulated_counts_and_draws_both_checks() -> None:
    sampled, config = pumps(engine="nuts", draws=2000)
    assert sampled.samples is not None
    before, after = (
        sampled.samples[f"{when}_predictive"]["count"].to_numpy()[0]
        for when in ("prior", "posterior")
    )
    rows = sampled.samples["posterior"]["rate"].to_numpy().reshape(-1, len(PUMPS))
    mean = rows.mean(axis=0) * np.array([t for *_, t in PUMPS])

    figures = {figure.name: figure for figure in kind.figures(sampled, config)}

    assert before.shape == after.shape == (1000, len(PUMPS))
    rng, exposure = np.random.default_rng(6), np.array([t for *_, t in PUMPS])
    alpha = config.shape_median * np.exp(rng.normal(0, config.shape_log_sd, 4000))
    scale = np.exp(rng.normal(0, config.mean_log_sd, 4000)) / exposure.mean() / alpha
    again = rng.poisson(rng.gamma(alpha, scale, (10, 4000)).T * exposure)
    # independent data sets, so that a share of them has a standard error
    for name in (lambda k: k.sum(axis=1) < 10, lambda k: k.max(axis=1) > 50):
        one, other = name(before).mean(), name(again).mean()
        assert abs(one - other) < 6 * (one * (1 - one) * (1 / 1000 + 1 / 4000)) ** 0.5
    error = after.std(axis=0) / 1000**0.5
    assert (np.abs(after.mean(axis=0) - mean) < 6 * error).all()
    assert figures["prior_check"].title.startswith("What the prior expects")
    assert figures["posterior_check"].title.startswith("Replicated against observed")


def test_both_forms_of_the_model_are_one_model() -> None:
    posterior, config = pumps()
    centered = build_model(posterior.cells, config)
    other = build_model(posterior.cells, config, form="non-centered")
    point = {"alpha": 1.3, "mean": 0.4}
    rates = np.linspace(0.1, 2.0, len(PUMPS))

    def log_density(model: object, **values: object) -> float:
        import pymc as pm

        assert isinstance(model, pm.Model)
        initial = {
            model.rvs_to_values[model[name]].name: model.rvs_to_transforms[model[name]]
            .forward(np.asarray(value))
            .eval()
            for name, value in values.items()
        }
        return float(model.compile_logp(jacobian=False)(initial))

    beta = point["alpha"] / point["mean"]
    one = log_density(centered, rate=rates, **point)
    two = log_density(other, raw=rates * beta, **point)

    # rate = raw / beta: the densities differ by beta to the power of the number of pumps
    assert one == pytest.approx(two + len(PUMPS) * np.log(beta), rel=1e-9)


@pytest.mark.parametrize("pair", [("p01", "p04"), ("p07", "p10")])
def test_a_comparison_is_that_of_joint_draws(pair: tuple[str, str]) -> None:
    posterior, config = pumps()
    size = 40_000

    data = ask(posterior, config, "compare", a=pair[0], b=pair[1]).data
    draws = posterior.draw(size, 3, {"rate": pair})["rate"]

    p = data["p_A_gt_B"]
    assert abs((draws[:, 0] > draws[:, 1]).mean() - p) < 5 * (p * (1 - p) / size) ** 0.5
    gap = draws[:, 0] - draws[:, 1]
    assert abs(gap.mean() - data["difference"]["mean"]) < 5 * gap.std() / size**0.5


# shrinkage


def test_small_cohorts_are_pulled_further() -> None:
    posterior, config = pumps()

    (table,) = (t for t in kind.summarize(posterior, config).tables if t.name == "rates")
    columns = {name: [row[i] for row in table.rows] for i, name in enumerate(table.columns)}

    order = np.argsort(columns["exposure"])
    assert (np.diff(np.array(columns["pull"])[order]) <= 0).all()
    assert columns["raw"] == pytest.approx(
        [k / t for k, t in zip(columns["count"], columns["exposure"], strict=True)]
    )
    assert "alpha" not in columns


def test_the_answer_says_model_engine_reason_and_strength() -> None:
    posterior, config = pumps()

    summary = kind.summarize(posterior, config)

    assert summary.context["model"] == "hierarchical"
    assert "by quadrature" in str(posterior.diagnostics.why)
    (pooled,) = (finding for finding in summary.findings if finding.code == "pooled")
    assert "borrow strength from each other as if each had about" in pooled.text
    assert {e.name for e in summary.estimates} >= {"rate", "mean", "alpha", "beta"}
    assert {table.name for table in summary.tables} >= {"rates", "ranks"}


def test_the_forest_shows_raw_rates_beside_the_pooled_ones() -> None:
    posterior, config = pumps()

    (figure,) = kind.figures(posterior, config)

    assert "raw" in figure.spec.tables["numbers"]
    assert "center" in figure.spec.tables


def test_a_forest_of_very_many_says_what_it_hides() -> None:
    posterior, config = fitted({f"c{i:03}": i % 50 for i in range(500)}, model="hierarchical")

    (figure,) = kind.figures(posterior, config)

    assert len(figure.spec.tables["numbers"]["label"]) == 40
    assert "460 between them are hidden" in figure.spec.note


def test_ranks_of_a_hierarchy_add_up() -> None:
    data = ask(*pumps(), "rank").data

    assert sum(data["p_best"]) == pytest.approx(1, rel=1e-6)
    assert sum(data["expected_rank"]) == pytest.approx(10 * 11 / 2, rel=1e-6)


# units, gaps, edges


@pytest.mark.parametrize("unit", ["second", "year"])
def test_no_answer_depends_on_the_unit(unit: str) -> None:
    counts = {"a": 0, "b": 7, "c": 300}
    own = fitted(counts, model="hierarchical")
    other = fitted(counts, model="hierarchical", unit=unit)

    pairs = [ask(*fit, "rank").data["pairwise"] for fit in (own, other)]
    cells = [ask(*fit, "rate", cohort="a").data for fit in (own, other)]

    assert pairs[0][0][1:] == pytest.approx(pairs[1][0][1:], rel=1e-6)
    scale = cells[0]["T"] / cells[1]["T"]
    assert cells[1]["hdi95"] == pytest.approx([scale * x for x in cells[0]["hdi95"]], rel=1e-5)


def test_a_silent_cohort_is_part_of_the_hierarchy() -> None:
    events = pa.concat_tables([counted({"a": 50, "c": 70}), counted({"b": 5}, days=1)])

    data = ask(*analyze(events, start="2024-03-05", model="hierarchical"), "rate", cohort="b").data

    assert (data["k"], data["raw"], data["alpha"], data["model"]) == (0, 0, None, "hierarchical")
    assert data["mean"] > 0


@pytest.mark.parametrize(
    "counts", [{"a": 12}, {"a": 0, "b": 0, "c": 0}, {"a": 10**9, "b": 0, "c": 7}]
)
def test_one_cohort_no_event_and_a_huge_count_have_an_answer(counts: dict[str, int]) -> None:
    posterior, config = fitted(counts, model="hierarchical")

    summary = kind.summarize(posterior, config)

    assert summary.headline
    assert np.isfinite(posterior["rate"].distribution.quantile(0.5)).all()
    assert kind.figures(posterior, config)


def test_one_cohort_does_not_speak_of_others() -> None:
    posterior, config = analyze(counted({"alone": 3}, days=30), model="hierarchical")

    summary = kind.summarize(posterior, config)

    (finding,) = (f for f in summary.findings if f.code == "pooled")
    assert "others" not in finding.text
    assert "leans on the prior" in finding.text


def test_a_hierarchy_is_about_one_event_and_questions_may_be_about_another() -> None:
    events = pa.concat_tables(
        [counted({"a": 50, "b": 90}, event="x"), counted({"a": 5, "b": 0}, event="y")]
    )
    posterior, config = analyze(events, model="hierarchical")
    chosen = analyze(events, model="hierarchical", event="y")

    frequent = ask(posterior, config, "rate", cohort="a").data
    other = ask(posterior, config, "rate", cohort="a", event="y").data

    assert (frequent["event"], other["event"]) == ("x", "y")
    assert other["mean"] == ask(*chosen, "rate", cohort="a").data["mean"]
    with pytest.raises(EntityNotFound):
        ask(posterior, config, "rate", cohort="a", event="z")


def test_a_pair_without_exposure_does_not_hide_the_hierarchy() -> None:
    events = pa.concat_tables([measured([("a", 2, 5.0)], "x"), measured([("b", 3, 5.0)], "y")])
    posterior, config = analyze(events, model="hierarchical", exposure="measured", event="x")

    assert posterior["rate"].labels == ("a",)
    with pytest.raises(InsufficientData):
        ask(posterior, config, "rate", cohort="b", event="x")


@pytest.mark.parametrize("model", ["independent", "piecewise", "change-point"])
def test_a_sampler_is_refused_where_the_answer_is_exact(model: str) -> None:
    with pytest.raises(BadConfig, match="needs no sampler"):
        parse(RateConfig, {"model": model, "engine": "nuts"})


def test_cohorts_are_found_by_a_part_of_their_name() -> None:
    posterior, config = fitted({f"Plant {i}": i for i in range(100)}, model="hierarchical")

    answer = ask(posterior, config, "find", name_contains="plant 9")

    assert answer.data["total"] == 11
    assert answer.data["cohorts"][0] == "Plant 99"
    with pytest.raises(EntityNotFound):
        ask(posterior, config, "find", name_contains="factory")


# worlds

WORLD = parse(
    RateConfig,
    {"model": "hierarchical", "mean_median": 2.0, "mean_log_sd": 1.0, "shape_log_sd": 1.0},
)


def places(worlds: int, size: int, seed: int) -> dict[str, np.ndarray]:
    bench = Bench()

    def learn(truth: Any, rng: np.random.Generator) -> Posterior:
        return bench.fit(kind, kind.simulate(truth, size, rng), WORLD)[1]

    return sbc_ranks(lambda rng: kind.truth(WORLD, rng), learn, worlds=worlds, seed=seed)


def test_the_hierarchy_is_calibrated() -> None:
    # false-alarm rate at most 1e-6 for each variable; 300 worlds see a shift of 0.4 sd
    for values in places(300, 200, seed=4).values():
        assert distance(values) < dkw_bound(len(values), alpha=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("size", [10, 200, 2000])
def test_the_hierarchy_is_calibrated_over_many_worlds(size: int) -> None:
    for values in places(3000, size, seed=size).values():
        assert distance(values) < dkw_bound(len(values), alpha=1e-6)


def test_many_events_find_the_rates_of_a_hierarchy() -> None:
    rng = np.random.default_rng(8)
    truth = kind.truth(WORLD, rng)

    _, posterior = Bench().fit(kind, kind.simulate(truth, 50_000, rng), WORLD)

    rates = posterior["rate"]
    true = truth["rate"].sel(cohort=list(rates.labels)).to_numpy()
    off = np.abs(rates.distribution.mean() - true) / rates.distribution.sd()
    assert (off < 5).all()


def test_a_world_of_a_hierarchy_needs_its_mean() -> None:
    with pytest.raises(BadConfig):
        kind.truth(RateConfig(model="hierarchical"), np.random.default_rng(1))


# planted


def test_an_exposure_that_is_dropped_is_seen() -> None:
    posterior, config = pumps()
    bare = posterior.cells.set_column(
        posterior.cells.column_names.index("exposure"), "exposure", pa.array([1.0] * len(PUMPS))
    )

    wrong = kind.fit(bare, config, NOBODY)

    rates, _ = by_grid(config)
    assert np.abs(wrong["rate"].distribution.mean() / rates - 1).max() > 0.5
