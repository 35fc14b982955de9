"""Rates over time: cells per period, changes found and not found, words, gaps, cohorts left out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData, VibesError
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.poisson_cohorts import kind
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.stats.changepoint import find_change
from pymc_vibes.stats.piecewise import fit_rates
from tests.contract.bench import Bench
from tests.kinds.rate_worlds import (
    START,
    Row,
    analyze,
    ask,
    cells_of,
    counted,
    measured,
    table_of,
)

MODELS = ["piecewise", "change-point"]
DAYS = 60


def daily(counts: dict[str, Any], exposure: float | None = None) -> pa.Table:
    """Give every cohort's counts, one row a day."""
    rows: list[Row] = [
        (START + timedelta(days=day), cohort, "claim", int(count), exposure)
        for cohort, series in counts.items()
        for day, count in enumerate(series)
    ]
    return table_of(rows)


def jump(first: float, second: float, *, at: int = 30, seed: int = 1) -> np.ndarray:
    rate = np.where(np.arange(DAYS) < at, first, second)
    return np.random.default_rng(seed).poisson(rate)


def figures_of(posterior: Posterior, config: RateConfig) -> list[str]:
    return [figure.name for figure in kind.figures(posterior, config)]


# cells


@pytest.mark.parametrize("model", MODELS)
def test_every_period_of_every_cohort_has_a_cell(model: str) -> None:
    events = pa.concat_tables([counted({"a": 10, "b": 4}), counted({"c": 3}, event="other")])
    config = parse(
        RateConfig,
        {"model": model, "start": "2024-03-01", "end": "2024-03-13T12:00", "unit": "hour",
         "exposure": "window"},
    )  # fmt: skip

    cells = cells_of(events, config)

    assert cells.num_rows == 3 * 13
    assert set(cells["event"].to_pylist()) == {"claim"}
    by_cohort = cells.group_by("cohort").aggregate([("k", "sum"), ("exposure", "sum")])
    found = {row["cohort"]: row for row in by_cohort.to_pylist()}
    assert [found[name]["k_sum"] for name in "abc"] == [10, 4, 0]
    assert found["c"]["exposure_sum"] == 24 * 12.5


def test_measured_exposure_belongs_to_its_period() -> None:
    rows = [(START + timedelta(days=day), "a", "x", 2, 1.5 + day) for day in (0, 2)]
    config = parse(
        RateConfig,
        {"model": "piecewise", "exposure": "measured", "start": START,
         "end": START + timedelta(days=4)},
    )  # fmt: skip

    cells = cells_of(table_of(rows), config).to_pylist()

    assert [(cell["k"], cell["exposure"]) for cell in cells] == [(2, 1.5), (0, 0), (2, 3.5), (0, 0)]


@pytest.mark.parametrize(
    ("days", "period", "count"),
    [(2, "day", 2), (100, "day", 100), (101, "week", 15), (3000, "quarter", 33)],
)
def test_periods_are_as_short_as_they_can_be(days: int, period: str, count: int) -> None:
    start = datetime(2000, 1, 1, tzinfo=UTC)
    config = RateConfig(model="piecewise", start=start, end=start + timedelta(days=days))

    assert (config.periods[0], config.periods[2]) == (period, count)


def test_too_many_periods_are_refused() -> None:
    with pytest.raises(BadConfig, match="1,440 periods of one hour"):
        analyze(daily({"a": jump(5, 5)}), model="piecewise", period="hour")


def test_the_most_frequent_cohorts_are_followed_and_the_answer_says_so() -> None:
    counts = {f"c{i:02}": [i + 1, i + 2, i + 1] for i in range(15)}

    posterior, config = analyze(daily(counts), model="piecewise")
    chosen, one = analyze(daily(counts), model="piecewise", cohort="c00")

    assert posterior["sigma"].labels[0] == "c14"
    assert len(posterior["sigma"].labels) == 12
    (cut,) = kind.summarize(posterior, config).findings
    assert "12 most frequent of 15 cohorts" in cut.text
    assert chosen["sigma"].labels == ("c00",)
    assert figures_of(chosen, one) == ["rate_1"]


# change point


def test_a_change_is_said_with_its_moment_and_factor() -> None:
    events = daily({"north": jump(4, 9), "south": jump(6, 6, seed=2)})

    posterior, config = analyze(events, model="change-point")
    summary = kind.summarize(posterior, config)

    assert "The rate of claim of north changed (over 99.9 % chance)" in summary.headline
    assert "most likely about 2024-03-31" in summary.headline
    assert "95 % interval" in summary.headline
    assert [claim.tone for claim in summary.claims] == ["higher"]
    assert summary.tables[0].rows[0][0] == "north"
    assert figures_of(posterior, config) == ["change_1", "when_1", "factor_1"]


def test_the_numbers_are_those_of_the_method() -> None:
    series = jump(4, 9)

    posterior, config = analyze(daily({"a": series}), model="change-point")
    row = kind.summarize(posterior, config).tables[0].rows[0]

    known = find_change(series, np.ones(DAYS))
    assert row[1] == pytest.approx(known.chance, rel=1e-9)
    assert row[2:5] == pytest.approx((known.factor.quantile(0.5), *known.factor.interval(0.95)))


def test_the_unit_does_not_matter_to_a_change() -> None:
    events = daily({"a": jump(4, 5)})

    tables = [
        kind.summarize(*analyze(events, model="change-point", unit=unit)).tables[0]
        for unit in ("day", "second")
    ]

    assert tables[0].rows[0][1:] == pytest.approx(tables[1].rows[0][1:])


def test_a_constant_rate_is_rarely_called_a_change() -> None:
    cohorts = 200
    rng = np.random.default_rng(7)
    events = daily({f"c{i:03}": rng.poisson(3.0, DAYS) for i in range(cohorts)})

    posterior, config = analyze(events, model="change-point")
    chances = posterior["factor"].distribution.parameters()["chance"]

    # P(change) >= 0.975 at a prior of 0.5 is a Bayes factor of 39: by Markov's inequality it comes
    # with a chance below 1/39 in each cohort; over 18 of 200 come in fewer than 1 of 100 000 runs
    assert stats.binom.sf(18, cohorts, 1 / 39) < 1e-5
    assert (chances >= 0.975).sum() <= 18
    assert np.median(chances) < 0.5
    (said,) = (f for f in kind.summarize(posterior, config).findings if f.code == "many-cohorts")
    assert "of one cohort, for itself" in said.text


def test_nothing_is_claimed_where_there_is_no_sign() -> None:
    posterior, config = analyze(daily({"a": [3, 4] * 30, "b": [7, 6] * 30}), model="change-point")

    summary = kind.summarize(posterior, config)

    assert summary.headline.startswith("No clear sign of a change")
    assert {claim.tone for claim in summary.claims} == {"undecided"}


def test_clusters_are_not_taken_for_changes_without_a_warning() -> None:
    rng = np.random.default_rng(5)
    clustered = rng.poisson(rng.gamma(0.5, 10.0, DAYS))

    posterior, config = analyze(daily({"a": clustered}), model="change-point")

    assert posterior.diagnostics.verdict == "warning"
    (said,) = kind.summarize(posterior, config).findings
    assert "Such clusters look like changes" in said.text


def test_draws_of_factors_agree_with_their_distribution() -> None:
    posterior, _ = analyze(daily({"a": jump(4, 9)}), model="change-point")
    size = 4000

    draws = posterior.draw(size, seed=2)["factor"][:, 0]

    exact = posterior["factor"].distribution
    for q in (0.1, 0.5, 0.9):
        below = (draws <= exact.quantile(q)[0]).mean()
        assert abs(below - q) < 5 * (q * (1 - q) / size) ** 0.5


# piecewise


def test_rates_over_time_are_those_of_the_method() -> None:
    series = jump(4, 9)

    posterior, config = analyze(daily({"a": series}), model="piecewise")

    known = fit_rates(series, np.ones(DAYS)).rates
    assert posterior["rate"].distribution.mean() == pytest.approx(known.mean(), rel=1e-9)
    summary = kind.summarize(posterior, config)
    assert "The rate of claim of a rose over the window" in summary.headline
    assert [row[1] for row in summary.tables[1].rows] == series.tolist()


def test_the_headline_tells_of_every_cohort_and_the_first_table_has_both_ends() -> None:
    events = daily({"a": jump(8, 30), "b": jump(20, 4, seed=2), "c": jump(3, 3, seed=3)})

    posterior, config = analyze(events, model="piecewise")
    summary = kind.summarize(posterior, config)

    assert "The rate of claim of a rose over the window" in summary.headline
    assert summary.headline.endswith(" b fell and it is open for the other 1.")
    assert len(summary.claims) == 1
    ends = summary.tables[0]
    assert [row[0] for row in ends.rows] == ["a", "b", "c"]
    place = ends.columns.index("first")
    middle = posterior["rate"].distribution.quantile(0.5)
    assert [row[place] for row in ends.rows] == pytest.approx([float(x) for x in middle[::DAYS]])


def test_paths_are_drawn_together_within_a_cohort() -> None:
    posterior, _ = analyze(daily({"a": jump(4, 9), "b": jump(9, 4)}), model="piecewise")
    labels = posterior["rate"].labels

    both = posterior.draw(300, 1, {"rate": [labels[0], labels[1], labels[DAYS]]})["rate"]
    one = posterior.draw(300, 1, {"rate": [labels[1]]})["rate"]

    assert np.array_equal(both[:, 1], one[:, 0])
    assert np.corrcoef(both[:, 0], both[:, 1])[0, 1] > 0.5
    assert abs(np.corrcoef(both[:, 0], both[:, 2])[0, 1]) < 0.3  # 5 standard errors


def test_a_wandering_world_is_found() -> None:
    config = parse(RateConfig, {"model": "piecewise", "alpha0": 8.0, "beta0": 2.0})
    rng = np.random.default_rng(6)
    truth = kind.truth(config, rng)

    resolved, posterior = Bench().fit(kind, kind.simulate(truth, 8000, rng), config)

    starts = resolved.periods[2]
    cohorts = list(posterior["sigma"].labels)
    true = truth["rate"].sel(cohort=cohorts).to_numpy()
    true = np.repeat(true, starts // true.shape[1], axis=1).ravel()
    low, high = (posterior["rate"].distribution.quantile(q) for q in (0.1, 0.9))
    # neighbors share their luck: some 6 independent stretches, so only gross errors show
    assert 0.5 < ((low < true) & (true < high)).mean() < 0.98


# both


@pytest.mark.parametrize("model", MODELS)
def test_one_cohort_can_be_asked_about(model: str) -> None:
    posterior, config = analyze(daily({"a": jump(4, 9), "b": jump(5, 5)}), model=model)

    answer = ask(posterior, config, "rate", cohort="b")

    assert answer.data["cohort"] == "b"
    assert " b " in answer.summary.headline
    figures = {"piecewise": ["rate_2"], "change-point": ["change_2", "when_2", "factor_2"]}
    assert [figure.name for figure in answer.figures] == figures[model]
    with pytest.raises(EntityNotFound):
        ask(posterior, config, "rate", cohort="z")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("question", ["compare", "rank", "find"])
def test_questions_about_single_rates_say_what_to_set(model: str, question: str) -> None:
    posterior, config = analyze(daily({"a": jump(4, 9), "b": jump(5, 5)}), model=model)
    given = {"compare": {"a": "a", "b": "b"}, "find": {"name_contains": "a"}}.get(question, {})

    with pytest.raises(BadConfig) as caught:
        ask(posterior, config, question, **given)

    assert "independent" in str(caught.value.hint)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "events",
    [
        daily({"a": [0, 0, 0]}),
        daily({"a": [4]}),
        measured([("a", 3, 2.0)]),
    ],
    ids=["silent", "one day", "one exposure"],
)
def test_too_little_to_follow_is_said(model: str, events: pa.Table) -> None:
    with pytest.raises(InsufficientData):
        analyze(
            events, model=model, exposure="measured" if events["exposure"][0].is_valid else None
        )


@pytest.mark.parametrize("model", MODELS)
def test_an_unknown_cohort_or_event_is_not_found(model: str) -> None:
    for given in ({"cohort": "nobody"}, {"event": "nothing"}):
        with pytest.raises(EntityNotFound):
            analyze(daily({"a": jump(4, 9)}), model=model, **given)


@pytest.mark.parametrize("model", MODELS)
def test_a_silent_cohort_beside_others_is_named(model: str) -> None:
    posterior, config = analyze(daily({"a": jump(4, 9), "b": [0] * DAYS}), model=model)

    texts = [finding.text for finding in kind.summarize(posterior, config).findings]

    assert any("1 cohort has no event" in text for text in texts)


@pytest.mark.parametrize("model", MODELS)
def test_a_gap_in_measured_exposure_is_bridged(model: str) -> None:
    rows: list[Row] = [
        (START + timedelta(days=day), "a", "x", 5, 2.0) for day in range(40) if not 10 <= day < 20
    ]

    posterior, config = analyze(table_of(rows), model=model, exposure="measured")

    assert kind.summarize(posterior, config).headline
    assert kind.figures(posterior, config)


@pytest.mark.parametrize("model", [*MODELS, "hierarchical"])
def test_any_world_of_a_model_can_be_analyzed(model: str) -> None:
    given = {"model": model, "alpha0": 2.0, "beta0": 0.5, "mean_median": 2.0, "mean_log_sd": 1.0}
    config, rng = parse(RateConfig, given), np.random.default_rng(2)

    for exposure in ("window", "measured"):
        own = config.model_copy(update={"exposure": exposure})
        events = kind.simulate(kind.truth(own, rng), 400, rng)
        resolved, posterior = Bench().fit(kind, events, own)
        assert kind.summarize(posterior, resolved).headline
        assert kind.figures(posterior, resolved)


def test_problems_of_one_model_name_a_way_out() -> None:
    with pytest.raises(VibesError) as caught:
        kind.truth(RateConfig(model="piecewise"), np.random.default_rng(1))

    assert caught.value.hint
