"""What OpenAPI shows of answers: small ones that were given, with fewer digits.

They are about the events of `north` and `south`, and about a coin.
"""

from typing import Any

RUN_ID = "01hzy3v9d2k8m4x7q5t1w6r0ab"
_CREATED = "2024-06-01T08:00:00Z"
_ORIGIN = {"run_id": RUN_ID, "created": _CREATED, "cached": True}
_HEADLINE = "north has a higher rate of claim than south: 99.2 % chance."
_WINDOW = {"unit": "day", "start": "2024-01-01T00:00:00+00:00", "end": "2024-01-15T00:00:00+00:00"}
_TOLD = {**_WINDOW, "exposure": "window", "model": "independent", "method": "exact"}
_NORTH: dict[str, Any] = {
    "cohort": "north", "event": "claim", "alpha": 14.5, "beta": 14.0,
    "mean": 1.036, "median": 1.012, "sd": 0.272,
    "hdi95": [0.535, 1.578], "eti95": [0.573, 1.633], "hdi": [0.535, 1.578], "eti": [0.573, 1.633],
    "level": 0.95, "k": 14, "T": 14.0, **_TOLD,
}  # fmt: skip
_SOUTH: dict[str, Any] = {
    "cohort": "south", "event": "claim", "alpha": 4.5, "beta": 14.0,
    "mean": 0.321, "median": 0.298, "sd": 0.152,
    "hdi95": [0.068, 0.621], "eti95": [0.096, 0.679], "hdi": [0.068, 0.621], "eti": [0.096, 0.679],
    "level": 0.95, "k": 4, "T": 14.0, **_TOLD,
}  # fmt: skip

CELL = {**_NORTH, "origin": _ORIGIN}
COMPARISON = {
    "event": "claim",
    "p_A_gt_B": 0.9921,
    "level": 0.95,
    "difference": {"mean": 0.714, "sd": 0.311, "median": 0.701, "interval": [0.136, 1.364]},
    "ratio": {"mean": 4.14, "sd": 2.92, "median": 3.4, "interval": [1.24, 11.5]},
    "expected_loss": {"A": 0.00084, "B": 0.715},
    "decision": "higher",
    "headline": _HEADLINE,
    "A": _NORTH,
    "B": _SOUTH,
    "model": "independent",
    "origin": _ORIGIN,
}
_LINE = {
    "event": "claim", "count": 14, "exposure": 14.0, "mean": 1.036, "hdi95": [0.535, 1.578],
    "first": "2024-01-01T12:00:00Z", "last": "2024-01-14T12:00:00Z",
}  # fmt: skip
COHORTS = {"cohorts": [{"cohort": "north", "events": [_LINE]}], "next": None}
SAMPLES = {
    **{name: _NORTH[name] for name in ("cohort", "event", "alpha", "beta", "k", "T")},
    **_WINDOW,
    "n": 3,
    "seed": 42,
    "model": "independent",
    "samples": [0.925, 0.763, 0.772],
}
HIERARCHY = {
    "event": "claim",
    "hyperparams": {"alpha": [2.9, 17.9], "beta": [4.69, 24.0]},
    "rates": {"north": [1.06, 0.751], "south": [0.568, 0.497]},
    "n": 2,
    "seed": 42,
    **_TOLD,
    "model": "hierarchical",
    "method": "quadrature",
}
INGESTED = {"ingested": 18, "rejected": 0, "replayed": False, "bad_rows": []}
RECEIPT = {
    "experiment": "coin",
    "batch": "01hzy3t0c5n2b8e4k7m9q1s3ud",
    "ingested": 20,
    "rejected": 0,
    "replayed": False,
    "snapshot": 4,
    "columns": {"outcome": "outcome"},
}
EXPERIMENT = {
    "id": "01hzy3r6a1w4f7j2l5p8v0x3zc",
    "name": "coin",
    "display_name": "Coin",
    "kind": "bernoulli",
    "config": {},
    "created": _CREATED,
    "rows": 20,
    "updated": _CREATED,
    "version": 1,
    "snapshot": 4,
}
_CONFIG = {"level": 0.95, "seed": 42, "draws": 5000, "prior": {"kind": "shape", "a": 1, "b": 1}}
_INTERVAL = {"low": 0.43, "high": 0.819, "prob": 0.95, "kind": "eti"}
_ESTIMATE = {
    "name": "success rate", "label": "all", "unit": "successes per trial", "percent": True,
    "mean": 0.636, "sd": 0.1, "median": 0.641, "interval": _INTERVAL, "intervals": [_INTERVAL],
}  # fmt: skip
SUMMARY = {
    "headline": "The success rate is about 63.6 % (95 % interval 43 % to 81.9 %).",
    "estimates": [_ESTIMATE],
    "context": {"prior": "Beta(1, 1)", "level": 0.95, "groups": 1},
}
DIAGNOSTICS = {"method": "exact", "verdict": "good", "reasons": [], "converged": True}
ANSWER = {
    "run_id": RUN_ID,
    "experiment": "coin",
    "kind": "bernoulli",
    "created": _CREATED,
    "cached": False,
    "summary": SUMMARY,
    "figures": [],
    "diagnostics": DIAGNOSTICS,
    "provenance": {
        "kind": "bernoulli",
        "kind_version": 1,
        "config": _CONFIG,
        "cells_hash": "3db402067a612c88",
        "snapshot": 4,
        "seed": 42,
        "versions": {"numpy": "2.5.4"},
        "key": "4729200595ae77e5",
    },
}
RUN_LINE = {
    "id": RUN_ID,
    "experiment": "coin",
    "kind": "bernoulli",
    "state": "succeeded",
    "created": _CREATED,
    "config": _CONFIG,
    "headline": SUMMARY["headline"],
    "verdict": "good",
    "method": "exact",
    "finished": _CREATED,
    "seconds": 0.019,
}
RUNS = {"runs": [RUN_LINE], "next": None}
QUESTION_ANSWER = {"summary": {"headline": _HEADLINE}, "data": {"p": 0.9921}, "origin": _ORIGIN}


def answers(example: Any) -> dict[int | str, dict[str, Any]]:
    """Show for OpenAPI what a route may answer."""
    return {200: {"content": {"application/json": {"example": example}}}}
