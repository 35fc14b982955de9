"""What makes two questions the same: canonical cells, their hash, and the key of an answer."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

# a release of one of these may change the last digits of an answer
_NUMERICAL = ("numpy", "scipy", "pymc", "pytensor", "nutpie")


@cache
def versions() -> Mapping[str, str]:
    """Give the versions that a number depends on."""
    return {name: version(name) for name in ("pymc-vibes", *_NUMERICAL)}


def canonical(cells: "pa.Table") -> "pa.Table":
    """Sort cells by all their columns, so that neither row order nor chunking can matter."""
    keys = [(name, "ascending") for name in cells.column_names]
    return cells.combine_chunks().sort_by(keys).combine_chunks() if cells.num_rows else cells


def cells_hash(cells: "pa.Table") -> str:
    """Give the SHA-256 of canonical cells: names, types and values."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    plain = cells.replace_schema_metadata(None)
    with pa.ipc.new_stream(sink, plain.schema) as writer:
        writer.write_table(plain)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def digest(document: Mapping[str, Any]) -> str:
    """Give the SHA-256 of canonical JSON."""
    text = json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str
    )
    return hashlib.sha256(text.encode()).hexdigest()


def answer_key(*, kind: str, kind_version: int, config: Mapping[str, Any], cells: str) -> str:
    """Give the key of an answer: everything that can change one of its digits."""
    return digest(
        {
            "kind": kind,
            "kind_version": kind_version,
            "config": config,
            "cells": cells,
            "versions": dict(versions()),
        }
    )
