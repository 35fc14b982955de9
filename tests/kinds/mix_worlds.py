"""Rows of marketing data for the tests, and what becomes of them on a real DuckDB."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest

from pymc_vibes.core.config import parse
from pymc_vibes.kinds.marketing_mix.canonical import Panel, panel_of
from pymc_vibes.kinds.marketing_mix.cells import reduce
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.messages import Message, ValidationSummary
from pymc_vibes.kinds.marketing_mix.validate import validation_summary

TWO_YEARS = 110  # weeks, and some
MONDAY = datetime(2023, 1, 2)  # noqa: DTZ001  # storage is naive UTC


def settings(**given: Any) -> MarketingMixConfig:
    return parse(MarketingMixConfig, given)


def weeks(number: int, *, step: int = 7, entity: str = "brand", seed: int = 1) -> dict[str, Any]:
    """Columns of a brand that nothing is wrong with, one row a week."""
    rng = np.random.default_rng(seed)
    tv, radio = rng.gamma(3, 30, number), rng.gamma(2, 10, number)
    price = 10 + rng.normal(0, 0.5, number)
    return {
        "entity_id": [entity] * number,
        "period_start": [MONDAY + timedelta(days=step * i) for i in range(number)],
        "sales": 1000 + 2 * tv + 3 * radio - 20 * price + rng.normal(0, 20, number),
        "act_tv": tv,
        "spend_tv": tv * 4 * np.exp(rng.normal(0, 0.05, number)),
        "spend_radio": radio,
        "ctrl_price": price,
    }


def months(number: int, day: int = 1) -> dict[str, Any]:
    """Columns of a brand with one row a month."""
    starts = [datetime(2020 + i // 12, i % 12 + 1, day) for i in range(number)]  # noqa: DTZ001
    return weeks(number) | {"period_start": starts}


def good(**other: Any) -> dict[str, Any]:
    return weeks(TWO_YEARS) | other


def dropped(block: dict[str, Any], *rows: int) -> dict[str, Any]:
    return {
        name: [value for i, value in enumerate(values) if i not in rows]
        for name, values in block.items()
    }


def table(*blocks: Mapping[str, Any]) -> pa.Table:
    """Put blocks of columns below each other; what a block lacks is missing."""
    parts = []
    for block in blocks:
        part = pa.table({name: pa.array(v, from_pandas=True) for name, v in block.items()})
        at = part.column_names.index("period_start")
        stamped = part["period_start"].cast(pa.timestamp("us"))
        parts.append(part.set_column(at, "period_start", stamped))
    return pa.concat_tables(parts, promote_options="default")


@contextmanager
def stored(events: pa.Table) -> Iterator[Any]:
    connection = ibis.duckdb.connect()
    try:
        yield connection.create_table("events", events)
    finally:
        connection.disconnect()


def cells(events: pa.Table, **given: Any) -> pa.Table:
    with stored(events) as there:
        reduced = reduce(there, None, settings(**given))
        return reduced.to_pyarrow().cast(reduced.schema().to_pyarrow())


def panel(events: pa.Table, **given: Any) -> Panel:
    return panel_of(cells(events, **given), settings(**given))


def checked(events: pa.Table, **given: Any) -> ValidationSummary:
    with stored(events) as there:
        return validation_summary(there, settings(**given))


def codes(messages: tuple[Message, ...]) -> set[str]:
    return {message.code for message in messages}


def only(messages: tuple[Message, ...], code: str) -> Message:
    """Give the one message of that code."""
    found = [message for message in messages if message.code == code]
    if len(found) != 1:
        pytest.fail(f"{code}: {len(found)} messages among {sorted(codes(messages))}")
    return found[0]
