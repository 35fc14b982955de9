"""A run as a row of the run table, and a row as a run."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Answer, Gist
from pymc_vibes.core.run import TRANSITIONS, Progress, Run, RunState

if TYPE_CHECKING:
    from sqlalchemy import RowMapping


def values(run: Run, experiment_id: str | None) -> dict[str, Any]:
    """Give the columns that a run fills; without an experiment, those that can change."""
    gist = run.gist
    row: dict[str, Any] = {
        "id": run.id,
        "experiment": run.experiment,
        "kind": run.kind,
        "state": run.state.value,
        "created": naive(run.created),
        "finished": run.finished and naive(run.finished),
        "config": json.dumps(run.config, sort_keys=True),
        "key": run.key,
        "answer": run.answer and run.answer.model_dump_json(),
        "error": run.error and json.dumps(run.error),
        "progress": run.progress and run.progress.model_dump_json(),
        "headline": gist and gist.headline,
        "method": gist and gist.method,
        "verdict": gist and gist.verdict,
    }
    return row if experiment_id is None else row | {"experiment_id": experiment_id}


def run(row: "RowMapping") -> Run:
    """Give the run of a row."""
    state = RunState(row["state"])
    return Run(
        id=row["id"],
        experiment=row["experiment"],
        kind=row["kind"],
        state=state,
        created=row["created"].replace(tzinfo=UTC),
        started=_aware(row["started"]),
        finished=_aware(row["finished"]),
        config=json.loads(row["config"]),
        key=row["key"],
        answer=Answer.model_validate_json(row["answer"]) if row["answer"] else None,
        error=json.loads(row["error"]) if row["error"] else None,
        progress=Progress.model_validate_json(row["progress"]) if row["progress"] else None,
        cancelling=bool(row["cancel_requested"]) and bool(TRANSITIONS[state]),
        worker=row["worker"],
        tries=row["tries"] or 0,
        priority=row["priority"] or 0,
        revision=row["revision"] or 0,
        listed=None if row["answer"] else _gist(row),
    )


def _gist(row: "RowMapping") -> Gist | None:
    if not row["headline"]:
        return None
    return Gist(headline=row["headline"], method=row["method"], verdict=row["verdict"])


def naive(moment: datetime) -> datetime:
    """Give the instant as the table keeps it: in UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _aware(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
