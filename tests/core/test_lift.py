"""What a run measured is JSON, bounded, and has a covariance that can be one."""

from datetime import date
from typing import Any

import pytest

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.lift import MeasuredLift

INSIDE = {"first": "2025-03-03", "last": "2025-03-30", "mean": 120.0}
AFTER = {"first": "2025-03-31", "last": "2025-04-13", "mean": 30.0}
BOTH: dict[str, Any] = {
    "readouts": [INSIDE, AFTER],
    "covariance": [[100.0, 30.0], [30.0, 25.0]],
    "grade": "interrupted",
}


def test_it_comes_back_from_json_as_it_was() -> None:
    lift = parse(MeasuredLift, BOTH | {"run_id": "01abc", "freedom": 40.0, "unit": "orders"})

    assert MeasuredLift.model_validate_json(lift.model_dump_json()) == lift
    assert lift.readouts[0].first == date(2025, 3, 3)
    assert lift.sds == (10.0, 5.0)
    assert lift.has_days


def test_counts_need_no_days() -> None:
    lift = parse(MeasuredLift, BOTH | {"readouts": [{"mean": 3.0}], "covariance": [[1.0]]})

    assert not lift.has_days


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"covariance": [[100.0]]}, "a row and a column for every readout"),
        ({"covariance": [[100.0, 30.0], [30.0]]}, "a row and a column for every readout"),
        ({"covariance": [[100.0, 0.0], [0.0, 0.0]]}, "a variance above 0"),
        ({"covariance": [[100.0, 30.0], [29.0, 25.0]]}, "not symmetric"),
        ({"covariance": [[100.0, 51.0], [51.0, 25.0]]}, "larger than the variances"),
        ({"readouts": [INSIDE, {"mean": 1.0}]}, "of others not"),
        ({"readouts": [INSIDE, AFTER | {"last": "2025-03-30"}]}, "must not lie before"),
        ({"readouts": [INSIDE, {"first": "2025-03-31", "mean": 1.0}]}, "belong together"),
        ({"readouts": []}, "at least 1 item"),
        ({"freedom": 2.0}, "greater than 2"),
        ({"readouts": [INSIDE, AFTER | {"first": 0}]}, "must be a date"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        parse(MeasuredLift, BOTH | changed)
