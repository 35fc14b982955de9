"""Trials of eighty days with known effects, and the answer to them."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from pymc_vibes.core.answer import Summary
from pymc_vibes.core.config import parse
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds import catalog
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.stats.design import carried_over
from tests.contract.bench import Bench
from tests.stats.interrupted_worlds import ar1

KIND = catalog()["n-of-1"]
START = datetime(2025, 1, 6)  # noqa: DTZ001  # storage is naive UTC
BLOCKS = np.repeat([0, 1, 1, 0, 0, 1, 1, 0], 10)
NAMES = ("placebo", "drug", "tea")


def table(
    values: np.ndarray, treatments: list[str], *, user: str | None = "ana", hour: int = 12
) -> pa.Table:
    """One row a day."""
    days = [START + timedelta(days=i, hours=hour) for i in range(len(values))]
    columns: dict[str, Any] = {
        "timestamp": pa.array(days, pa.timestamp("us")),
        "outcome": values,
        "treatment": treatments,
    }
    if user is not None:
        columns["user_id"] = [user] * len(values)
    return pa.table(columns)


def trial(
    effect: float,
    *,
    seed: int = 1,
    user: str | None = "ana",
    given: np.ndarray = BLOCKS,
    names: tuple[str, ...] = NAMES,
    half_life: float = 0.0,
) -> pa.Table:
    """Correlated days around 50 with an sd of 4, and an effect of the second treatment."""
    noise = 4 * ar1(len(given), 0.4, np.random.default_rng(seed))
    exposure = carried_over((given == 1).astype(float), half_life)
    return table(50 + noise + effect * exposure, [names[k] for k in given], user=user)


def settings(**given: Any) -> NOf1Config:
    return parse(NOf1Config, given)


def answer(
    bench: Bench, events: pa.Table, config: NOf1Config | None = None
) -> tuple[Posterior, Summary]:
    resolved, posterior = bench.fit(KIND, events, config or NOf1Config())
    return posterior, KIND.summarize(posterior, resolved)


def table_of(summary: Summary, name: str) -> dict[Any, dict[str, Any]]:
    (found,) = (t for t in summary.tables if t.name == name)
    return {row[0]: dict(zip(found.columns, row, strict=True)) for row in found.rows}


def codes(summary: Summary) -> set[str]:
    return {finding.code for finding in summary.findings}


def renamed(events: pa.Table, names: dict[str, str]) -> pa.Table:
    at = events.column_names.index("treatment")
    told = [names.get(name, name) for name in events["treatment"].to_pylist()]
    return events.set_column(at, "treatment", pa.array(told))
