"""What A/B tests and interrupted series lend to other kinds, against closed forms and draws."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.core.lift import MeasuredLift
from pymc_vibes.kinds.ab_test.lift import lift as ab_lift
from pymc_vibes.kinds.interrupted_series import kind as interrupted
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.kinds.interrupted_series.lift import lift as series_lift
from pymc_vibes.kinds.interrupted_series.reading import Reading
from tests.contract.bench import Bench
from tests.kinds.ab_tests import fitted
from tests.stats.interrupted_worlds import ar1

COUNTS = {"A": (1000, 100), "B": (1500, 180)}
PLAN = {"A": 2, "B": 3}
START = datetime(2025, 1, 6)  # noqa: DTZ001  # storage is naive UTC
BEFORE, DURING, AFTER = 42, 21, 14


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.connection.disconnect()


# A/B tests


def test_a_test_lends_what_it_brought_among_the_treated() -> None:
    lift = ab_lift(*fitted(COUNTS, expected_split=PLAN))

    (a, b), (c, d) = (101, 901), (181, 1321)
    variance = a * b / ((a + b) ** 2 * (a + b + 1)) + c * d / ((c + d) ** 2 * (c + d + 1))
    assert lift.readouts[0].mean == pytest.approx(1500 * (c / (c + d) - a / (a + b)))
    assert lift.covariance[0][0] == pytest.approx(1500**2 * variance)
    assert (lift.units, lift.grade, lift.freedom) == (1500, "randomized", None)


def test_the_window_of_a_test_is_its_days() -> None:
    lift = ab_lift(*fitted(COUNTS, expected_split=PLAN, start="2025-03-03", end="2025-03-17"))

    (readout,) = lift.readouts
    assert (readout.first, readout.last) == (date(2025, 3, 3), date(2025, 3, 16))


def test_a_test_without_a_window_has_no_days() -> None:
    assert not ab_lift(*fitted(COUNTS, expected_split=PLAN, start="2025-03-03")).has_days


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (COUNTS | {"C": (1000, 90)}, "2 treatments"),
        (COUNTS, "not split as planned"),
        ({"A": (12, 3), "B": (9, 2)}, "fewer than 20 units"),
    ],
)
def test_a_test_that_shows_no_one_effect_lends_none(
    counts: dict[str, tuple[int, int]], said: str
) -> None:
    with pytest.raises(InsufficientData, match=said):
        ab_lift(*fitted(counts))


# interrupted series


def events(*, user: str = "shop") -> pa.Table:
    """One row a day: sales of 500, and 60 more while the change lasts."""
    many = BEFORE + DURING + AFTER
    day = np.arange(many)
    lasts = (day >= BEFORE) & (day < BEFORE + DURING)
    values = 500 + 20 * ar1(many, 0.3, np.random.default_rng(5)) + 60 * lasts
    days = [START + timedelta(days=i, hours=12) for i in range(many)]
    return pa.table(
        {"timestamp": pa.array(days, pa.timestamp("us")), "outcome": values,
         "user_id": [user] * many}
    )  # fmt: skip


def settings(**given: Any) -> InterruptedConfig:
    return parse(InterruptedConfig, {"intervention_date": day_of(BEFORE)} | given)


def day_of(number: int) -> str:
    return (START + timedelta(days=number)).date().isoformat()


def lent(bench: Bench, table: pa.Table, config: InterruptedConfig) -> tuple[MeasuredLift, Reading]:
    resolved, posterior = bench.fit(interrupted, table, config)
    return series_lift(posterior, resolved), Reading(posterior, resolved)


def test_a_series_lends_the_sum_of_its_days(bench: Bench) -> None:
    lift, reading = lent(bench, events(), settings())

    (readout,) = lift.readouts
    many = DURING + AFTER
    assert (str(readout.first), str(readout.last)) == (day_of(BEFORE), day_of(BEFORE + many - 1))
    assert readout.mean == pytest.approx(many * float(reading.effect.mean()[0]))
    assert lift.sds[0] == pytest.approx(many * float(reading.effect.sd()[0]))
    assert lift.grade == "interrupted"
    assert lift.freedom == pytest.approx(float(reading.effect.parameters()["df"][0]))


def test_what_stays_after_the_change_is_lent_beside_it(bench: Bench) -> None:
    lift, reading = lent(bench, events(), settings(intervention_end=day_of(BEFORE + DURING)))

    inside, after = lift.readouts
    assert (str(inside.last), str(after.first)) == (
        day_of(BEFORE + DURING - 1), day_of(BEFORE + DURING),
    )  # fmt: skip
    assert inside.mean == pytest.approx(DURING * float(reading.effect.mean()[0]))
    assert after.mean == pytest.approx(AFTER * float(reading.fit.afterwards().mean()[0]))
    assert inside.mean == pytest.approx(60 * DURING, abs=6 * lift.sds[0])


def test_the_covariance_is_that_of_joint_draws(bench: Bench) -> None:
    lift, reading = lent(bench, events(), settings(intervention_end=day_of(BEFORE + DURING)))
    fit = reading.fit

    many = 200_000
    drawn = fit.regression.draw(many, np.random.default_rng(1)) * fit.standard.spread
    sums = [fit.effect_rows(days).sum(0) for days in (fit.window.after, fit.window.afterwards)]
    found = np.cov(drawn @ np.array(sums).T, rowvar=False)

    told = np.array(lift.covariance)
    # the sd of a covariance of n draws is at most sqrt(2 / n) of the sds, and a little for tails
    away = np.abs(found - told) / np.outer(lift.sds, lift.sds)
    assert away.max() < 6 * 1.3 * (2 / many) ** 0.5


def test_counts_lend_more_events(bench: Bench) -> None:
    table = events()
    whole = np.round(table["outcome"].to_numpy())
    counts = table.set_column(1, "outcome", pa.array(whole))

    lift, reading = lent(bench, counts, settings(outcome_type="count", outcome_name="orders"))

    assert lift.unit == "orders"
    assert lift.freedom is None
    total = reading.fit.summed(reading.fit.window.after)
    assert lift.readouts[0].mean == pytest.approx(float(total.mean()[0]))
    assert lift.sds[0] == pytest.approx(float(total.sd()[0]))


def test_several_series_lend_none(bench: Bench) -> None:
    both = pa.concat_tables([events(user="north"), events(user="south")])

    with pytest.raises(InsufficientData, match="of 2 series"):
        lent(bench, both, settings())
