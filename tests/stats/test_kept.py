"""What readings keep."""

from dataclasses import dataclass, field

import pyarrow as pa

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.stats.kept import latest, once


@dataclass(frozen=True, eq=False)
class Read:
    posterior: Posterior
    config: float
    calls: list[object] = field(default_factory=list)


@once
def scaled(reading: Read, by: float = 1.0, *, plus: float = 0.0) -> float:
    reading.calls.append((by, plus))
    return by * reading.config + plus


def posterior() -> Posterior:
    return Posterior(
        method="exact", variables=(), cells=pa.table({"n": [1]}),
        diagnostics=Diagnostics(method="exact"),
    )  # fmt: skip


def test_a_posterior_with_its_settings_has_one_reading() -> None:
    reading_of, fitted = latest(Read), posterior()

    first = reading_of(fitted, 0.9)

    assert reading_of(fitted, 0.9) is first
    assert reading_of(fitted, 0.8) is not first
    assert reading_of(posterior(), 0.9) is not first


def test_only_the_last_readings_are_held() -> None:
    reading_of, fitted = latest(Read, most=2), posterior()
    first = reading_of(fitted, 0.1)

    reading_of(fitted, 0.2)
    assert reading_of(fitted, 0.1) is first
    reading_of(fitted, 0.3)

    assert reading_of(fitted, 0.1) is not first


def test_a_number_is_computed_once_for_a_reading_and_its_arguments() -> None:
    one, other = Read(posterior(), 2.0), Read(posterior(), 3.0)

    found = [scaled(one), scaled(one), scaled(one, 2.0), scaled(one, 2.0, plus=1.0), scaled(other)]

    assert found == [2.0, 2.0, 4.0, 5.0, 3.0]
    assert one.calls == [(1.0, 0.0), (2.0, 0.0), (2.0, 1.0)]
    assert other.calls == [(1.0, 0.0)]
