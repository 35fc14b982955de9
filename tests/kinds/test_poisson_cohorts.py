"""What rates answer: published numbers, exact comparisons, sentences that agree, dispersion."""

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.poisson_cohorts import kind
from tests.kinds.rate_worlds import START, Row, analyze, ask, counted, fitted, measured, table_of

# published numbers


def test_asthma_deaths_of_one_year_agree_with_the_book() -> None:
    # BDA3 section 2.6: 3 deaths in a city of 200 000, rate per 100 000 a year, Gamma(3, 5) prior
    posterior, config = analyze(
        measured([("city", 3, 2.0)]), exposure="measured", alpha0=3.0, beta0=5.0
    )

    data = ask(posterior, config, "rate", cohort="city").data

    assert (data["alpha"], data["beta"]) == (6, 7)
    assert round(data["mean"], 2) == 0.86


def test_asthma_deaths_of_ten_years_agree_with_the_book() -> None:
    # BDA3 section 2.6: Gamma(33, 25) with mean 1.32, and P(rate > 1) = 0.93
    posterior, config = analyze(
        measured([("city", 30, 20.0)]), exposure="measured", alpha0=3.0, beta0=5.0
    )

    data = ask(posterior, config, "rate", cohort="city").data

    assert (data["alpha"], data["beta"], data["mean"]) == (33, 25, 1.32)
    assert round(float(posterior["rate"].distribution.above(1.0)[0]), 2) == 0.93  # type: ignore[attr-defined]  # Gamma has it


@pytest.mark.parametrize(("deaths", "mean"), [(0, 4.55e-5), (1, 4.77e-5), (2, 5.00e-5)])
def test_kidney_cancer_of_small_counties_is_pulled_to_the_prior(deaths: int, mean: float) -> None:
    # BDA3 section 2.7: ten years of a county of 1000 people, Gamma(20, 430 000) prior
    posterior, config = analyze(
        measured([("county", deaths, 10_000.0)]), exposure="measured", alpha0=20.0, beta0=430_000.0
    )

    answer = ask(posterior, config, "rate", cohort="county").data

    assert float(f"{answer['mean']:.3g}") == mean


# answers


def test_intervals_hold_their_mass_and_their_names_say_which() -> None:
    data = ask(*analyze(counted({"a": 7}), level=0.5), "rate", cohort="a").data
    exact = stats.gamma(data["alpha"], scale=1 / data["beta"])
    names = ("hdi95", "eti95", "hdi", "eti")

    masses = [exact.cdf(data[name][1]) - exact.cdf(data[name][0]) for name in names]

    assert masses == pytest.approx([0.95, 0.95, 0.5, 0.5], rel=1e-8)


def test_the_comparison_is_exact() -> None:
    data = ask(*analyze(counted({"a": 12, "b": 20})), "compare", a="a", b="b").data
    first, second = (stats.gamma(data[s]["alpha"], scale=1 / data[s]["beta"]) for s in "AB")

    def integral(function: Any) -> float:
        return float(integrate.quad(function, 0, 20, epsabs=1e-12)[0])

    assert data["p_A_gt_B"] == pytest.approx(
        integral(lambda x: first.pdf(x) * second.cdf(x)), rel=1e-8
    )
    assert data["expected_loss"]["A"] == pytest.approx(
        integral(lambda x: first.cdf(x) * second.sf(x)), rel=1e-8
    )
    assert data["difference"]["mean"] == pytest.approx(-0.8, rel=1e-9)


def test_the_direction_of_better_swaps_the_losses() -> None:
    events = counted({"a": 12, "b": 20})

    higher = ask(*analyze(events, direction="higher"), "compare", a="a", b="b").data
    lower = ask(*analyze(events, direction="lower"), "compare", a="a", b="b").data

    assert lower["expected_loss"]["A"] == pytest.approx(higher["expected_loss"]["B"], rel=1e-9)


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.5, 0.8, 0.95, 0.999]))
@settings(max_examples=40)
def test_sentence_decision_and_interval_agree(first: int, second: int, level: float) -> None:
    answer = ask(*fitted({"a": first, "b": second}, level=level), "compare", a="a", b="b")

    low, high = answer.data["difference"]["interval"]
    by_interval = "higher" if low > 0 else "lower" if high < 0 else "undecided"
    assert answer.summary.decision is not None
    assert answer.summary.decision.tone == answer.data["decision"] == by_interval
    assert answer.summary.claims[0].tone == by_interval


def test_two_cohorts_are_compared_in_the_headline() -> None:
    posterior, config = analyze(counted({"a": 10, "b": 400}))

    summary = kind.summarize(posterior, config)

    assert "a has a lower rate of claim than b: over 99.9 % chance" in summary.headline
    assert [figure.name for figure in kind.figures(posterior, config)] == ["rates", "difference"]


def test_one_cohort_is_said_with_its_interval() -> None:
    summary = kind.summarize(*analyze(counted({"a": 20})))

    assert summary.headline == "claim of a: about 2.05 per day (95 % interval 1.2 to 2.95)."


@pytest.mark.parametrize(("direction", "name"), [("higher", "c"), ("lower", "a"), (None, "c")])
def test_of_many_the_best_is_named(direction: str | None, name: str) -> None:
    events = counted({"a": 10, "b": 100, "c": 300})

    summary = kind.summarize(*analyze(events, direction=direction))

    assert summary.headline.startswith(f"{name} has the")
    assert summary.tables[0].rows[0][0] == name


def test_the_headline_is_about_the_event_that_is_chosen() -> None:
    events = pa.concat_tables([counted({"a": 50}, event="x"), counted({"a": 5}, event="y")])

    chosen = [
        kind.summarize(*analyze(events, event=event)).context["event"] for event in (None, "y")
    ]

    assert chosen == ["x", "y"]


def test_nobody_stands_out_among_equals() -> None:
    summary = kind.summarize(*analyze(counted({"a": 20, "b": 20, "c": 20})))

    assert summary.headline.startswith("It is open which of 3 cohorts")
    assert summary.claims[0].tone == "undecided"


def test_nobody_is_likeliest_among_equals() -> None:
    posterior, config = analyze(counted({"a": 0, "b": 0, "c": 0}, days=30))

    headline = kind.summarize(posterior, config).headline
    ranking = ask(posterior, config, "rank").summary.headline

    assert "3 are equally likely" in headline
    assert "3 of 3 cohorts are equally likely" in ranking


def test_the_answer_says_what_it_refers_to() -> None:
    measured_context = kind.summarize(
        *analyze(measured([("a", 2, 5.0)]), exposure="measured", exposure_unit="flight")
    ).context
    window_context = kind.summarize(*analyze(counted({"a": 2}))).context

    assert measured_context["exposure"] == "measured"
    assert measured_context["unit"] == "flight"
    assert window_context["exposure"] == "window"
    assert window_context["window"] == "2024-03-01 to 2024-03-10 (whole days, UTC)"
    assert "Jeffreys" in str(window_context["prior"])


def test_a_ranking_agrees_with_itself() -> None:
    data = ask(*analyze(counted({"a": 30, "b": 45, "c": 45, "d": 60})), "rank").data
    pairs = np.array(data["pairwise"], dtype=float)

    assert data["cohorts"][0] == "d"
    assert sum(data["p_best"]) == pytest.approx(1, rel=1e-9)
    # the expected rank is one plus the chances that each of the others is higher
    assert data["expected_rank"] == pytest.approx(1 + np.nansum(pairs, axis=0), rel=1e-6)


def test_a_long_ranking_is_cut_and_says_so() -> None:
    answer = ask(*analyze(counted({f"c{i}": i for i in range(60)})), "rank")

    assert len(answer.data["cohorts"]) == 50
    assert answer.data["total"] == 60
    assert "ranking-cut" in {finding.code for finding in answer.summary.findings}


def test_silent_cohorts_at_the_top_of_a_ranking_do_not_silence_the_window() -> None:
    counts = {f"c{i:02}": 0 if i < 55 else 100 for i in range(60)}
    answer = ask(*analyze(counted(counts), direction="lower"), "rank")
    (said,) = (f.text for f in answer.summary.findings if f.code == "no-events")
    assert "None of these rates" in said


def test_the_ranking_and_the_headline_name_the_same_leader() -> None:
    # `few` has the higher mean, `many` is likelier the highest
    cells = [("few", 0, 0.09), ("many", 500, 100.0), ("rest", 480, 100.0)]
    posterior, config = analyze(measured(cells), exposure="measured")
    (claim,) = kind.summarize(posterior, config).claims
    ranking = ask(posterior, config, "rank")
    (ranked,) = ranking.summary.claims
    assert ranking.data["cohorts"][0] == "few"
    assert claim.text.startswith("many has the highest")
    assert (ranked.tone, ranked.probability) == (claim.tone, claim.probability)
    assert ranked.text.startswith("many has the highest")


def test_a_cohort_is_not_compared_with_itself() -> None:
    with pytest.raises(BadConfig):
        ask(*analyze(counted({"a": 3, "b": 4})), "compare", a="a", b="a")


# dispersion


def test_clustered_counts_are_reported_with_the_factor() -> None:
    # every second day has all events: variance over mean is 20 * 10 / 9 per day
    rows: list[Row] = [(START + timedelta(days=2 * i), "a", "x", 40, None) for i in range(15)]

    posterior, config = analyze(table_of(rows), end="2024-03-31")
    (finding,) = kind.summarize(posterior, config).findings

    assert (finding.code, finding.severity) == ("overdispersed", "warning")
    assert "entity-rates" in finding.text
    # X^2 / (n - 1) = 15 * 20 * 2 / 29 = 20.7, its root is 4.55
    assert "variance 20.7 times the mean" in finding.text
    assert "factor of about 4.55" in finding.text
    assert posterior.diagnostics.verdict == "warning"


def test_clustered_counts_with_measured_exposure_are_reported() -> None:
    rows: list[Row] = [
        (START + timedelta(days=i), "a", "x", 40 * (i % 2), 100.0 + i) for i in range(30)
    ]

    posterior, config = analyze(table_of(rows), exposure="measured")

    assert "overdispersed" in {f.code for f in kind.summarize(posterior, config).findings}


def test_counts_that_follow_their_exposure_raise_no_alarm() -> None:
    # very different days, but always two events per hundred of exposure
    rows: list[Row] = [
        (START + timedelta(days=i), "a", "x", 2 * (1 + i % 7), 100.0 * (1 + i % 7))
        for i in range(30)
    ]

    posterior, config = analyze(table_of(rows), exposure="measured")

    assert kind.summarize(posterior, config).findings == ()
    assert posterior.diagnostics.verdict == "good"
