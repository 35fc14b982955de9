"""What the routes of the resource tree share: their address and how they count answers."""

from collections.abc import Mapping
from typing import Any

from pymc_vibes.core.errors import BadRequest
from pymc_vibes.http.metrics import Metrics
from pymc_vibes.service import Analysis, Service

API = "/api/v1"


def analyze(
    service: Service,
    metrics: Metrics,
    name: str,
    overrides: Mapping[str, Any],
    snapshot: int | None = None,
    *,
    priority: int = 0,
) -> Analysis:
    """Answer the experiment's question, and count whether it was known."""
    analysis = service.analysis(name, overrides, snapshot=snapshot, priority=priority)
    metrics.count_answer(analysis.answer)
    return analysis


def question_parts(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give parameters and config of a question's body, each an object."""
    if unknown := sorted(set(body) - {"parameters", "config"}):
        raise BadRequest(
            f"The body of a question has no field {unknown[0][:80]!r}.",
            hint='It is {"parameters": {...}, "config": {...}}; both may be left out.',
        )
    parts = [body.get(name) for name in ("parameters", "config")]
    if any(part is not None and not isinstance(part, dict) for part in parts):
        raise BadRequest("`parameters` and `config` must be JSON objects.")
    return parts[0] or {}, parts[1] or {}
