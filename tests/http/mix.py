"""The sample of a marketing mix as a file, and a run of it followed to where something holds."""

import io
from collections.abc import Callable
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from starlette.testclient import TestClient

from pymc_vibes.kinds.marketing_mix.samples import SAMPLE, sample

# as the specification has it, to the letter
RUN_SPEC: dict[str, Any] = {
    "dataset_id": SAMPLE,
    "grain": "week",
    "target_col": "sales",
    "drivers": ["act_tv", "act_digital", "act_social"],
    "controls": ["ctrl_price", "ctrl_promo"],
    "feature_config": {
        "adstock": {"decay_default": 0.5, "per_channel": {}, "max_lag": 13},
        "saturation": {"enabled": False},
        "seasonality": {"enabled": True, "K": 2},
        "trend": {"enabled": True},
    },
    "windows": {"carryover_months": 3, "estimation_months": 24},
    "random_seed": 42,
}
BEFORE = ("CREATED", "VALIDATED", "FEATURES_BUILT")


def as_csv(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pc.write_csv(table, sink)
    return sink.getvalue()


def as_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def sample_csv(rows: int | None = None) -> bytes:
    return as_csv(sample()[1].slice(0, rows))


def upload(client: TestClient, content: bytes, *, name: str = f"{SAMPLE}.csv", **more: Any) -> Any:
    return client.post("/datasets/upload", files={"file": (name, content, "text/csv")}, **more)


def create(client: TestClient, **changes: Any) -> str:
    created = client.post("/runs/create", json={**RUN_SPEC, **changes})
    return str(created.raise_for_status().json()["run_id"])


def status(client: TestClient, run_id: str) -> dict[str, Any]:
    return dict(client.get(f"/runs/{run_id}/status").raise_for_status().json())


def poll(
    client: TestClient, run_id: str, holds: Callable[[dict[str, Any]], bool] = lambda _told: False
) -> list[dict[str, Any]]:
    """Ask for the status until something holds of it, or the run is over; give all statuses."""
    told: list[dict[str, Any]] = []
    while True:
        told.append(status(client, run_id))
        if told[-1]["stage"] in ("OUTPUTS_READY", "ERROR") or holds(told[-1]):
            return told
        Event().wait(0.05)
