"""What is being sampled, as every route answers it: 202 and a run to follow.

A program gets the run in short and where to follow it. A person who navigates gets a page that
shows how far it is and turns into the answer, or a part of a page where htmx asked for one.
"""

from typing import Any

from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response

from pymc_vibes.core.answer import Verdict
from pymc_vibes.core.run import TRANSITIONS, Pending, Progress, Run, RunState
from pymc_vibes.http import view
from pymc_vibes.http.limits import charge
from pymc_vibes.http.problems import is_navigation
from pymc_vibes.service import standing
from pymc_vibes.service.standing import Place

FOLLOW = "/api/v1/runs/"
AGAIN_SECONDS = 1  # when to look again


class RunLine(BaseModel):
    """A run, in short."""

    id: str
    experiment: str
    kind: str
    state: RunState
    created: str
    config: dict[str, Any]
    headline: str | None = None
    verdict: Verdict | None = None
    problem: str | None = None
    method: str | None = None
    progress: Progress | None = None
    cancelling: bool = False
    started: str | None = None
    finished: str | None = None
    seconds: float | None = None
    """How long it took, once it is over."""
    worker: str | None = None
    tries: int = 0
    revision: int = 0
    place: Place | None = None
    """Where it stands among those that wait; told by events only."""

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return not TRANSITIONS[self.state]


def line(run: Run, place: Place | None = None) -> RunLine:
    """Say what a list says of a run."""
    return RunLine(
        id=run.id,
        experiment=run.experiment,
        kind=run.kind,
        state=run.state,
        created=run.created.isoformat(),
        config=dict(run.config),
        headline=run.gist.headline if run.gist else None,
        verdict=run.gist.verdict if run.gist else None,
        problem=str(run.error["detail"]) if run.error else None,
        method=run.gist.method if run.gist else None,
        progress=run.progress,
        cancelling=run.cancelling,
        started=run.started.isoformat() if run.started else None,
        finished=run.finished.isoformat() if run.finished else None,
        seconds=standing.took(run),
        worker=run.worker,
        tries=run.tries,
        revision=run.revision,
        place=place,
    )


def documented() -> dict[int | str, dict[str, Any]]:
    """Describe for OpenAPI the answer that is not there yet."""
    return {
        202: {
            "description": "It is being sampled: follow `Location`, then ask again.",
            "model": RunLine,
            "headers": {
                "Location": {"schema": {"type": "string"}, "description": "The run to follow."},
                "Retry-After": {"schema": {"type": "integer"}, "description": "In seconds."},
            },
        }
    }


def install(app: FastAPI) -> None:
    """Teach the app to answer what is being sampled."""
    app.add_exception_handler(Pending, _on_pending)


async def _on_pending(request: Request, pending: Exception) -> Response:
    assert isinstance(pending, Pending)  # noqa: S101  # what it was registered for
    run = pending.run
    charge(request, run)
    headers = {"Location": f"{FOLLOW}{run.id}", "Retry-After": str(AGAIN_SECONDS)}
    if view.is_partial(request):
        return view.render(request, "_sampling.html", run=run, again=address_again(request))
    if is_navigation(request.scope):
        return view.render(request, "sampling.html", run=run, again="")
    body = line(run).model_dump_json()
    return Response(body, 202, headers, "application/json")


def address_again(request: Request) -> str:
    """Give the address that gives the same part of a page again; empty where the page does."""
    is_asked_again = view.is_partial(request) and request.method == "GET"
    return f"{request.url.path}?{request.url.query}" if is_asked_again else ""
