"""Days of one person's trial with a known truth, as cells, and questions put to them."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.config import parse
from pymc_vibes.core.kind import ConfigQuery, JournalQuery, PosteriorQuery
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.n_of_1 import kind
from pymc_vibes.kinds.n_of_1.config import NOf1Config

FIRST = date(2026, 1, 5)  # a Monday


def config(**settings: Any) -> NOf1Config:
    """Give settings of a trial of b against a, scored higher is better."""
    given = {"comparator": "a", "treatment": "b", **settings}
    return parse(NOf1Config, given)


def cells(values: Sequence[float], given: Sequence[str], *, user: str = "ann") -> pa.Table:
    """Give one measurement a day; NaN is a day without any."""
    kept = [i for i, value in enumerate(values) if not np.isnan(value)]
    return pa.table(
        {
            "user_id": pa.array([user] * len(kept), pa.string()),
            "day": pa.array([FIRST + timedelta(days=i) for i in kept], pa.date32()),
            "treatment": pa.array([given[i] for i in kept], pa.string()),
            "count": pa.array([1] * len(kept), pa.int64()),
            "mean": pa.array([float(values[i]) for i in kept], pa.float64()),
        }
    )


def fitted(table: pa.Table, settings: NOf1Config) -> Posterior:
    return kind.fit(table, settings, NOBODY)


def noise(days: int, rng: np.random.Generator, *, rho: float = 0.5) -> np.ndarray:
    """Draw a stationary AR(1) of sd 1."""
    steps = rng.standard_normal(days)
    steps[1:] *= np.sqrt(1 - rho**2)
    for day in range(1, days):
        steps[day] += rho * steps[day - 1]
    return steps


def pairs(days: int, rng: np.random.Generator, *, length: int = 1) -> list[str]:
    """Draw randomized pairs of days, or of periods of that length."""
    drawn = [rng.permutation(["a", "b"]).tolist() for _ in range(days // (2 * length))]
    return [one for pair in drawn for one in pair for _ in range(length)]


def ask(
    slug: str, settings: NOf1Config, posterior: Posterior | None = None,
    past: Sequence[QueryAnswer] = (), **parameters: Any,
) -> QueryAnswer:  # fmt: skip
    """Put a question, as the service does."""
    query = kind.query(slug)
    asked = parse(query.parameters, parameters)
    if isinstance(query, ConfigQuery):
        return query.answer(settings, asked)
    assert posterior is not None
    if isinstance(query, JournalQuery):
        return query.answer(posterior, settings, asked, past)
    assert isinstance(query, PosteriorQuery)
    return query.answer(posterior, settings, asked)


def data(answer: QueryAnswer) -> Any:
    """Give the data of an answer as JSON has it."""
    return answer.model_dump(mode="json")["data"]
