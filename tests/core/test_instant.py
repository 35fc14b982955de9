"""Instants: bare dates are UTC midnight, numbers are refused, storage is naive UTC."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from pymc_vibes.core.instant import check_window, naive, parse_instant, show

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    [
        "2024-03-01T12:00:00Z",
        "2024-03-01 12:00",
        "2024-03-01T14:00:00+02:00",
        NOON,
        NOON.replace(tzinfo=None),
        NOON.astimezone(timezone(timedelta(hours=-5))),
    ],
)
def test_every_way_to_say_noon_is_the_same_instant(given: Any) -> None:
    found = parse_instant(given)

    assert (found, found.tzinfo) == (NOON, UTC)


@pytest.mark.parametrize("given", ["2024-03-01", date(2024, 3, 1)])
def test_a_bare_date_is_midnight_utc(given: Any) -> None:
    assert parse_instant(given) == datetime(2024, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", [0, 1.5, "0", "1709251200", "March", "2024-13-01", "2024-03-01Tnoon", "1066-10-14", []]
)
def test_what_is_no_instant_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_instant(given)


def test_absent_stays_absent() -> None:
    assert parse_instant(None) is None


def test_a_window_must_not_be_empty() -> None:
    check_window(None, NOON)
    with pytest.raises(ValueError, match="before end"):
        check_window(NOON, NOON)


def test_storage_and_people_see_utc() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=9)))

    assert (naive(there), show(there)) == (NOON.replace(tzinfo=None), "2024-03-01 12:00 UTC")
