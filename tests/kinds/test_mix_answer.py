"""What the answer of a marketing mix says, and what it keeps to itself."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pymc_vibes.core.answer import Summary
from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.marketing_mix import kind
from pymc_vibes.kinds.marketing_mix.checks import coverage, held_out, memory
from pymc_vibes.kinds.marketing_mix.effects import true_effects
from pymc_vibes.kinds.marketing_mix.fit import build_model, fit
from pymc_vibes.kinds.marketing_mix.knowledge import knowledge_of, prior_effects
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.kinds.marketing_mix.samples import sample
from pymc_vibes.stats import nuts
from tests.kinds.mix_fits import Mix, brand, column, made, regions, unsaturated
from tests.kinds.mix_worlds import cells, settings, table, weeks


@pytest.fixture(scope="module", autouse=True)
def samplers() -> Iterator[None]:
    """End all children when the answers are read."""
    yield
    nuts.shutdown()


@cache
def reference() -> Mix:
    return made(*sample(), preset="reference")


def answer(mix: Mix) -> Summary:
    return kind.summarize(mix.posterior, mix.config)


def codes(mix: Mix) -> set[str]:
    return {finding.code for finding in answer(mix).findings}


def figures(mix: Mix) -> set[str]:
    return {figure.name for figure in kind.figures(mix.posterior, mix.config)}


# what is said


def test_the_true_returns_lie_in_their_intervals() -> None:
    mix = brand()
    true = true_effects(mix.truth, mix.events)["roas"]

    told = {estimate.name: estimate.interval for estimate in answer(mix).estimates}

    for channel in mix.reading.channels:
        interval = told[f"roas_{channel}"]
        assert interval is not None
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low < float(true.sel(channel=channel)) < interval.high


def test_parts_and_the_rest_make_up_expected_sales() -> None:
    for mix in (brand(), unsaturated(), regions()):
        totals = mix.reading.totals

        assert totals.rest + totals.parts.sum(axis=2) == pytest.approx(totals.fitted, rel=1e-9)


def test_what_is_lost_without_each_overlaps_where_effects_multiply() -> None:
    assert (unsaturated().reading.totals.overlap > 0).all()
    assert np.abs(brand().reading.totals.overlap).max() < 1e-6
    assert "counted_more_than_once" in answer(unsaturated()).context
    assert "counted_more_than_once" not in answer(brand()).context


def test_regions_are_added_up_draw_by_draw() -> None:
    reading = regions().reading
    one_by_one = [
        float((draws.sales(draws.baseline + terms.sum(2)))[0].sum())
        for draws, terms in zip(reading.media, reading.terms, strict=True)
    ]

    assert reading.totals.fitted[0].sum() == pytest.approx(sum(one_by_one), rel=1e-9)


def test_reading_every_other_draw_changes_no_number_by_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mix = brand()
    whole = Reading(mix.posterior, mix.config).roas
    means, sds = whole.mean(axis=0), whole.std(axis=0)
    monkeypatch.setattr("pymc_vibes.kinds.marketing_mix.reading.MOST_NUMBERS", 1)
    fewer = Reading(mix.posterior, mix.config)

    assert fewer.every == len(whole) // 400 > 1  # 400 are the least that are read
    # both means are of draws of one chain: half of them, each with about the error of independent
    # ones, so the difference has an sd below that of the fewer
    error = sds / np.sqrt(len(fewer.roas) / 4)
    assert (np.abs(fewer.roas.mean(axis=0) - means) < 5 * error).all()


def test_the_fit_of_the_sample_is_judged_by_its_numbers() -> None:
    context = answer(brand()).context

    assert context["held_out"] == 8
    assert 0.8 < float(str(context["coverage_90"])) <= 1
    assert float(str(context["share_of_variance_explained"])) > 0.9
    assert abs(memory(brand().reading)) < 0.3
    scores = held_out(brand().reading)
    assert scores is not None
    assert scores[1] is not None
    assert scores[0] < scores[1]  # better than naming the sales of the year before


def test_the_order_of_the_next_money_is_a_decision_only_where_it_is_settled() -> None:
    mix = brand()
    settled = answer(mix).decision
    wide = replace(mix, config=mix.config.model_copy(update={"level": 0.999}))
    strict = kind.summarize(wide.posterior, wide.config).claims[0]

    assert settled is not None
    assert settled.action.startswith("move money from")
    assert strict.probability == answer(mix).claims[0].probability


# what is not said


def test_chains_that_disagree_show_no_contribution_and_no_return() -> None:
    mix = brand().distrusted()

    summary = answer(mix)

    assert "R-hat of decay is 1.3" in summary.headline
    assert not summary.estimates
    assert not summary.claims
    assert {one.name for one in summary.tables} == {"parameters"}
    assert not figures(mix) & {"roas", "contributions", "waterfall", "response_curves"}
    assert summary.decision is not None
    assert summary.decision.action == "do not act on this fit"


def test_without_spend_there_are_contributions_and_no_returns() -> None:
    mix = brand()
    at = [n for n in mix.posterior.cells.column_names if not n.startswith("spend_")]
    unpaid = mix.with_cells(mix.posterior.cells.select(at))

    summary = answer(unpaid)

    assert "returned" not in summary.headline
    assert [estimate.name for estimate in summary.estimates] == ["media_share"]
    assert "roas" not in figures(unpaid)
    assert all(x is None for x in column(_table(summary, "channels"), "roas"))


def test_the_reference_model_is_fitted_and_its_faults_are_named() -> None:
    mix = reference()

    assert mix.config.is_reference
    assert {"fixed-carry-over", "no-saturation", "median-sales"} <= codes(mix)
    decision = answer(mix).decision
    assert decision is not None
    assert decision.action == "read contributions, plan no budget"
    assert {v.name for v in mix.posterior.variables} >= {"beta", "intercept", "sigma", "nu"}


def test_every_answer_says_that_it_is_no_proof_of_cause() -> None:
    for mix in (brand(), unsaturated(), reference(), brand().distrusted()):
        assert "no-proof-of-cause" in codes(mix)


# what the data taught


def test_a_channel_that_does_nothing_has_an_interval_that_says_so() -> None:
    idle = np.random.default_rng(3).gamma(2, 10, 104)
    mix = made(brand().truth, _with_social(idle))

    known = {one.channel: one for one in knowledge_of(mix.reading)}
    share = mix.reading.share[:, mix.reading.channels.index("social")]

    assert np.quantile(share, 0.05) < 0.01  # below one percent of sales, for all the data say
    assert known["social"].width > 2 * known["tv"].width


def test_flat_activity_is_warned_about() -> None:
    flat = 50 + np.random.default_rng(4).normal(0, 0.5, 104)
    mix = made(brand().truth, _with_social(flat))

    assert "flat-activity" in codes(mix)
    assert "flat-activity" not in codes(brand())


@pytest.mark.parametrize(
    "prior",
    [{"kind": "share"}, {"kind": "coefficient", "scale": 0.3}, {"kind": "roas", "median": 2.0}],
)
def test_priors_are_shown_as_they_are_set(prior: dict[str, Any]) -> None:
    mix = brand()
    other = replace(mix, config=settings(**{**mix.config.model_dump(), "effect_prior": prior}))
    draws = prior_effects(Reading(other.posterior, other.config))
    paid = other.reading.spend / np.nansum(other.reading.study.sales)

    middle = np.median(draws, axis=0)
    # the standard error of a median of 20,000 draws is below 2 % of it for these priors
    if prior["kind"] == "coefficient":
        assert middle == pytest.approx(np.full(3, 0.3 * 0.6745), rel=0.06)
    elif prior["kind"] == "roas":
        assert middle == pytest.approx(2.0 * paid, rel=0.06)
    else:
        assert np.median(draws.sum(axis=1)) == pytest.approx(0.2, rel=0.06)


# edges


def test_what_stands_against_a_fit_is_told_before_anything_is_sampled() -> None:
    short = cells(table(weeks(20)))

    with pytest.raises(InsufficientData, match="52"):
        fit(short, settings(), NOBODY)


def test_the_model_that_is_sampled_can_be_had() -> None:
    model = build_model(brand().posterior.cells, brand().config)

    assert {"average_effect", "decay", "half", "sigma", "nu"} <= set(model.named_vars)


def _with_social(activity: np.ndarray) -> pa.Table:
    """Put another activity in the place of a channel's: the form of the model stays."""
    _, events = sample()
    for prefix in ("act_", "spend_"):
        at = events.column_names.index(f"{prefix}social")
        events = events.set_column(at, f"{prefix}social", pa.array(activity))
    return events


def _table(summary: Summary, name: str) -> Any:
    (found,) = (one for one in summary.tables if one.name == name)
    return found


def test_a_channel_has_one_color_in_every_figure_of_an_answer() -> None:
    mix = brand()
    drawn = {figure.name: figure.spec.series for figure in kind.figures(mix.posterior, mix.config)}

    assert drawn["contributions"] == drawn["response_curves"] == ("digital", "social", "tv")


def test_what_the_priors_alone_expect_is_drawn_and_holds_the_sample() -> None:
    mix = brand()
    figures = {figure.name: figure for figure in kind.figures(mix.posterior, mix.config)}
    codes = {finding.code for finding in kind.summarize(mix.posterior, mix.config).findings}

    drawn = figures["prior_predictive_check"].spec.tables
    weeks = mix.reading.study.features.fitted
    assert len(drawn["seen"]["seen"]) == weeks
    assert coverage(mix.reading.prior, 0.95) > 0.95
    assert "prior-far-off" not in codes


def test_priors_that_expect_other_sales_are_warned_about() -> None:
    mix = brand()
    sure = {"intercept": 0.01, "noise": 0.01, "control": 0.01, "season": 0.01, "trend": 0.01}
    media = {"kind": "coefficient", "scale": 2.0}
    other = settings(**mix.config.model_dump(mode="json") | {"priors": sure, "effect_prior": media})

    found = {f.code: f for f in kind.summarize(mix.posterior, other).findings}

    assert coverage(Reading(mix.posterior, other).prior, 0.95) < 0.475
    assert found["prior-far-off"].severity == "warning"
