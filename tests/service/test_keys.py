"""What is the same has the same key, and nothing else has."""

import pyarrow as pa
import pytest

from pymc_vibes.service.keys import answer_key, canonical, cells_hash

CELLS = pa.table({"cohort": ["a", "b", None], "k": [1, 2, 3], "T": [1.0, 0.5, 2.0]})


def test_row_order_and_chunks_do_not_matter() -> None:
    shuffled = pa.concat_tables([CELLS.slice(2), CELLS.slice(0, 1), CELLS.slice(1, 1)])
    assert cells_hash(canonical(shuffled)) == cells_hash(canonical(CELLS))


@pytest.mark.parametrize(
    "other",
    [
        CELLS.set_column(1, "k", pa.array([1, 2, 4])),
        CELLS.rename_columns(["cohort", "n", "T"]),
        CELLS.set_column(1, "k", pa.array([1.0, 2.0, 3.0])),
        CELLS.slice(0, 2),
    ],
    ids=["value", "name", "type", "row"],
)
def test_any_change_of_the_cells_changes_the_hash(other: pa.Table) -> None:
    assert cells_hash(canonical(other)) != cells_hash(canonical(CELLS))


def test_everything_that_can_change_a_number_changes_the_key() -> None:
    base = {"kind": "bernoulli", "kind_version": 1, "config": {"level": 0.95}, "cells": "abc"}
    changed = [
        {"kind": "ab-test"},
        {"kind_version": 2},
        {"config": {"level": 0.9}},
        {"config": {"level": 0.95, "seed": 1}},
        {"cells": "abd"},
    ]
    keys = {answer_key(**base), *(answer_key(**base | change) for change in changed)}
    assert len(keys) == len(changed) + 1
