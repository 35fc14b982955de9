"""Interrupted series: units, coverage, false alarms, and what the independent model gets wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pymc_vibes.stats.interrupted import EFFECTS, Fit, fit_series
from pymc_vibes.stats.placebo import alternatives, autocorrelation, ljung_box, placebos
from pymc_vibes.stats.series import Series, Window, standard_of
from pymc_vibes.stats.terms import Model, design
from tests.stats.interrupted_worlds import FIRST, analyzed, ar1, null_series, window

WEEKS = window(90, 45)
QUICK, MANY = 400, 4000


def excludes_zero(low: np.ndarray, high: np.ndarray) -> bool:
    return bool(low[0] > 0 or high[0] < 0)


def alarms(
    model: Model, phi: float, worlds: int, *, scale: float = 1.0, missing: float = 0.0
) -> int:
    """Count intervals of the average effect that exclude 0 where there is no effect."""
    found = 0
    for seed in range(worlds):
        series = null_series(
            90, phi, np.random.default_rng([seed, round(100 * phi)]), missing=missing
        )
        series = Series(series.day, scale * series.mean, series.count)
        found += excludes_zero(*analyzed(series, WEEKS, model).effect("average", 7).interval(0.95))
    return found


def most(worlds: int, rate: float) -> int:
    """As many as come in fewer than 1e-5 of runs at that rate."""
    return int(stats.binom.isf(1e-5, worlds, rate))


@settings(max_examples=20, deadline=None)
@given(
    factor=st.floats(1e-6, 1e6),
    shift=st.floats(-1e3, 1e3),
    later=st.integers(-3000, 3000),
)
def test_units_zero_and_calendar_do_not_matter(factor: float, shift: float, later: int) -> None:
    series = null_series(60, 0.5, np.random.default_rng(4), missing=0.1)
    week = 7 * later
    moved = Series(
        series.day + week, np.asarray(factor * (series.mean + shift), float), series.count
    )
    study = window(60, 30)
    elsewhere = Window(study.first + week, study.change + week, study.end + week)

    one, other = analyzed(series, study), analyzed(moved, elsewhere)

    for effect in EFFECTS:
        before = np.array(one.effect(effect, 7).interval(0.95))
        after = np.array(other.effect(effect, 7).interval(0.95))
        np.testing.assert_allclose(after / factor, before, rtol=1e-5, atol=1e-6)


def test_a_turned_series_gives_the_turned_effect() -> None:
    series = null_series(60, 0.5, np.random.default_rng(6))
    study = window(60, 30)

    up = analyzed(series, study).effect("average", 7)
    down = analyzed(Series(series.day, -series.mean, series.count), study).effect("average", 7)

    assert up.mean()[0] == pytest.approx(-down.mean()[0])
    assert up.above(0.0)[0] == pytest.approx(down.below(0.0)[0])


def test_the_average_is_the_mean_over_calendar_days() -> None:
    series = null_series(60, 0.5, np.random.default_rng(7), missing=0.3)
    fit = analyzed(series, window(60, 30))

    by_day = fit.functional(fit.effect_rows(fit.window.after))

    assert fit.effect("average", 7).mean()[0] == pytest.approx(by_day.mean().mean())
    assert fit.effect("immediate", 7).mean()[0] == pytest.approx(by_day.mean()[:7].mean())
    assert fit.effect("sustained", 7).mean()[0] == pytest.approx(by_day.mean()[-7:].mean())


def test_a_missing_day_is_not_a_zero() -> None:
    rng = np.random.default_rng(8)
    whole = null_series(90, 0.3, rng)
    lifted = Series(whole.day, whole.mean + 50, whole.count)
    kept = np.arange(90) % 5 != 3

    gaps = Series(lifted.day[kept], lifted.mean[kept], lifted.count[kept])

    low, high = analyzed(gaps, WEEKS).effect("average", 7).interval(0.999)
    assert low[0] < analyzed(lifted, WEEKS).effect("average", 7).mean()[0] < high[0]


def test_weekdays_are_found_and_add_up_to_nothing() -> None:
    day = FIRST + np.arange(140)
    monday = (day.astype(int) + 3) % 7 == 0
    noise = 0.1 * np.random.default_rng(9).standard_normal(140)

    fit = analyzed(Series(day, 7.0 * monday + noise, np.ones(140)), window(140, 70))

    found = fit.weekdays().mean()
    assert int(np.argmax(found)) == 0
    assert found.sum() == pytest.approx(0.0, abs=1e-9)
    assert found[0] == pytest.approx(6.0, abs=0.2)


def test_no_column_changes_before_the_change() -> None:
    before = np.arange(WEEKS.first, WEEKS.change)

    assert not design(before, WEEKS, Model())[:, -2:].any()


def test_the_noise_widens_what_may_be_seen() -> None:
    fit = analyzed(null_series(90, 0.5, np.random.default_rng(10)), WEEKS)

    for effect in EFFECTS:
        assert fit.effect_seen(effect, 7).sd()[0] > fit.effect(effect, 7).sd()[0]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_relative_effect_is_that_of_the_draws(sign: float) -> None:
    series = null_series(60, 0.3, np.random.default_rng(11))
    series = Series(series.day, sign * (series.mean + 20), series.count)
    fit = analyzed(series, window(60, 30))
    base = fit.expected_rows(fit.window.after).mean(axis=0)

    found = fit.relative(0.9)

    draws = fit.regression.draw(20_000, np.random.default_rng(1))
    level = fit.standard.center + fit.standard.spread * draws @ base
    ratio = fit.standard.spread * draws @ fit.rows_of("average", 1) / level
    assert found is not None
    for value, q in zip(found, (0.5, 0.05, 0.95), strict=True):
        below = float(np.mean(ratio < value))
        assert abs(below - q) < 5 * np.sqrt(q * (1 - q) / len(draws))


def test_there_is_no_relative_effect_on_a_level_near_zero() -> None:
    assert (
        analyzed(null_series(60, 0.3, np.random.default_rng(12)), window(60, 30)).relative(0.95)
        is None
    )


def test_a_constant_baseline_has_no_scale() -> None:
    assert standard_of(Series(np.arange(9.0), np.full(9, 3.0), np.ones(9))) is None


@pytest.mark.parametrize("phi", [0.0, 0.4, 0.8])
def test_no_effect_is_rarely_called_one(phi: float) -> None:
    assert alarms(Model(), phi, QUICK) <= most(QUICK, 0.07)


def test_independent_days_are_called_an_effect_far_too_often() -> None:
    blind = Model(errors="independent", trend=False)

    # the negative control: at a correlation of 0.8 about half of the worlds, where 5 % is promised
    assert alarms(blind, 0.8, 200) > 60


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 10_000.0])
@pytest.mark.parametrize("phi", [0.0, 0.2, 0.4, 0.6, 0.8])
def test_no_effect_is_rarely_called_one_in_many_worlds(phi: float, scale: float) -> None:
    found = alarms(Model(), phi, MANY, scale=scale, missing=0.15)

    assert found <= most(MANY, 0.07)


def slow_state(rng: np.random.Generator) -> Series:
    """Half of the variance forgets slowly, the other half at once: the hardest world."""
    value = (ar1(90, 0.9, rng) + rng.standard_normal(90)) / np.sqrt(2)
    return Series(FIRST + np.arange(90), value, np.ones(90))


@pytest.mark.slow
def test_a_slow_state_under_noise_is_called_an_effect_in_at_most_one_of_eight_worlds() -> None:
    found = sum(
        excludes_zero(
            *analyzed(slow_state(np.random.default_rng([17, seed])), WEEKS)
            .effect("average", 7)
            .interval(0.95)
        )
        for seed in range(MANY)
    )

    assert found <= most(MANY, 0.12)


def test_a_drift_is_rarely_called_an_effect_with_a_trend() -> None:
    alarmed = {True: 0, False: 0}
    for seed in range(200):
        series = null_series(90, 0.4, np.random.default_rng([19, seed]))
        drifting = Series(series.day, series.mean + np.arange(90) / 89, series.count)
        for trend in alarmed:
            effect = analyzed(drifting, WEEKS, Model(trend=trend)).effect("average", 7)
            alarmed[trend] += excludes_zero(*effect.interval(0.95))

    assert alarmed[True] <= most(200, 0.07)
    assert alarmed[False] > 2 * alarmed[True]


@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_intervals_hold_a_real_effect(phi: float) -> None:
    held = 0
    for seed in range(QUICK):
        rng = np.random.default_rng([7, seed])
        series = null_series(90, phi, rng, missing=0.15)
        after = series.day >= WEEKS.change
        series = Series(series.day, series.mean + 1.5 * after, series.count)
        low, high = analyzed(series, WEEKS, Model(trend=False)).effect("average", 7).interval(0.95)
        held += bool(low[0] <= 1.5 <= high[0])

    # a shrunk effect may cover a little less or more than 95 %
    assert stats.binom.ppf(1e-5, QUICK, 0.93) <= held
    assert stats.binom.ppf(1e-5, QUICK, 1 - 0.995) <= QUICK - held + 1


def test_the_chance_of_an_effect_is_uniform_where_there_is_none() -> None:
    chances = [
        analyzed(null_series(90, 0.3, np.random.default_rng([3, seed])), WEEKS, Model(trend=False))
        .effect("average", 7)
        .above(0.0)[0]
        for seed in range(QUICK)
    ]

    # a weak prior around 0 draws towards one half: never further out than uniform
    outer = float(np.mean(np.abs(np.array(chances) - 0.5) > 0.4))
    assert outer < 0.2 + 5 * np.sqrt(0.2 * 0.8 / QUICK)


# checks


def test_placebos_are_the_fits_at_those_dates() -> None:
    fit = analyzed(null_series(60, 0.4, np.random.default_rng(13)), window(60, 40))

    found = placebos(fit, 8)

    baseline = fit.series.between(FIRST, FIRST + 40)
    at = found.change[5]
    study = Window(FIRST, at, FIRST + 40)
    model = Model(ramp=False)
    alone = analyzed_with(baseline, study, model, fit)
    assert len(found.change) == 40 - 16 + 1
    assert found.mean[5] == pytest.approx(alone[0], rel=1e-6)
    assert found.sd[5] == pytest.approx(alone[1], rel=1e-6)


def analyzed_with(series: Series, study: Window, model: Model, fit: Fit) -> tuple[float, float]:
    effect = fit_series(series, study, model, fit.standard).effect("average", 7)
    return float(effect.mean()[0]), float(effect.sd()[0])


def test_a_real_change_outranks_every_placebo() -> None:
    series = null_series(90, 0.3, np.random.default_rng(14))
    lifted = Series(series.day, series.mean + 6.0 * (series.day >= WEEKS.change), series.count)
    fit = analyzed(lifted, WEEKS)
    effect = fit.effect("average", 7)

    found = placebos(fit, 8)

    rank = found.rank(float(effect.mean()[0] / effect.sd()[0]))
    assert rank == pytest.approx(1 / (1 + len(found.change)))


def test_a_short_baseline_has_no_placebos() -> None:
    fit = analyzed(null_series(30, 0.3, np.random.default_rng(15)), window(30, 10))

    assert placebos(fit, 8).rank(1.0) is None


def test_other_models_are_fitted_to_the_same_days() -> None:
    fit = analyzed(null_series(60, 0.4, np.random.default_rng(16)), window(60, 30))

    found = {other.name: other for other in alternatives(fit, 0.95, 8)}

    trendless = analyzed(fit.series, fit.window, Model(trend=False)).effect("average", 1)
    assert found["as given"].mean == pytest.approx(fit.effect("average", 1).mean()[0])
    assert found["without a trend"].mean == pytest.approx(trendless.mean()[0])
    assert found["independent days"].high - found["independent days"].low > 0


def test_fewer_days_are_those_that_are_left() -> None:
    fit = analyzed(null_series(60, 0.4, np.random.default_rng(16)), window(60, 30))

    found = {other.name: other for other in alternatives(fit, 0.95, 8)}

    half = fit.series.between(FIRST + 15, FIRST + 60)
    alone = fit_series(half, Window(FIRST + 15, FIRST + 30, FIRST + 60), Model(), fit.standard)
    named = found["without the earlier half before"]
    assert named.mean == pytest.approx(alone.effect("average", 1).mean()[0])
    assert found["without the first week after"].mean != found["as given"].mean


def test_days_are_not_left_out_where_too_few_would_stay() -> None:
    fit = analyzed(null_series(24, 0.4, np.random.default_rng(16)), window(24, 12))

    names = {other.name for other in alternatives(fit, 0.95, 8)}

    assert not any("earlier half" in name or "first week" in name for name in names)


def test_ljung_box_is_that_of_statsmodels() -> None:
    from statsmodels.stats.diagnostic import acorr_ljungbox

    values = ar1(80, 0.3, np.random.default_rng(17))

    known = acorr_ljungbox(values, lags=[7])
    assert ljung_box(values) == pytest.approx(float(known["lb_pvalue"].iloc[0]))
    assert len(autocorrelation(values)) == 14


def test_what_is_left_over_is_white() -> None:
    fit = analyzed(null_series(400, 0.7, np.random.default_rng(18)), window(400, 200))

    assert abs(autocorrelation(fit.innovations())[0]) < 4 / np.sqrt(400)


# published


def nile() -> Series:
    """Volume of the Nile at Aswan, 1871 to 1970, in 1e8 cubic meters; a year stands for a day."""
    from statsmodels.datasets import nile as source  # type: ignore[import-untyped]  # no stubs

    volume = source.load_pandas().data["volume"].to_numpy(float)
    return Series(FIRST + np.arange(len(volume)), volume, np.ones(len(volume)))


def test_the_nile_fell_by_the_published_amount_in_1899() -> None:
    # data of Cobb (1978), Biometrika 65, 243-251: their means are 1097.75 until 1898 and 849.97
    # after, a fall of 247.78
    plain = Model(day_of_week=False, trend=False, ramp=False, errors="independent")
    dam = window(100, 28)

    wide = analyzed(nile(), dam, plain.scaled(100.0)).effect("average", 7)
    correlated = analyzed(nile(), dam, Model(day_of_week=False, trend=False, ramp=False))

    assert wide.mean()[0] == pytest.approx(-247.78, abs=0.5)
    low, high = correlated.effect("average", 7).interval(0.95)
    assert low[0] < -247.78 < high[0] < -100
