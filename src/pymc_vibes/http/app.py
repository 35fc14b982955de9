"""The web application, composed: what guards it, what it serves.

`create_app(settings)` opens lake and run table when it starts and closes them when it stops.
`pymc_vibes.http.app:app` is the same with the settings of the environment, built when it is first
asked for, so that importing this module does nothing.
"""

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from pymc_vibes.http import (
    compat,
    interventions,
    mix_datasets,
    mix_files,
    mix_outputs,
    mix_runs,
    operations,
    pages,
    pending,
    problem_pages,
    problems,
    reference_page,
    schema,
    session,
)
from pymc_vibes.http.api import events, experiments, kinds, questions, reproductions, runs
from pymc_vibes.http.compress import Compress
from pymc_vibes.http.deps import check_access
from pymc_vibes.http.events import Streams
from pymc_vibes.http.limits import Limits
from pymc_vibes.http.logs import RequestLog
from pymc_vibes.http.metrics import Metrics
from pymc_vibes.http.release import VERSION
from pymc_vibes.http.security import Gate, Shield
from pymc_vibes.http.strict import STRICT
from pymc_vibes.http.tags import Tags
from pymc_vibes.http.uploads import FOLDER
from pymc_vibes.service import Service
from pymc_vibes.service.logs import make_log
from pymc_vibes.service.secrets import Redactor
from pymc_vibes.settings import Settings, load_settings

STATIC = Path(__file__).parent / "static"
STALE_SECONDS = 86_400  # a staged file this old belongs to a process that was killed


def create_app(
    settings: Settings, *, service: Service | None = None, quiet: bool = False, works: bool = True
) -> FastAPI:
    """Build the application; a service given here is used as it is and stays open.

    Where it `works` it carries runs out in threads of its own; otherwise workers must.
    """
    app = FastAPI(
        title="pymc-vibes",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(settings, service, works=works),
        dependencies=[Depends(check_access)],
        responses=problems.documented(400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503),
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.metrics = Metrics()
    app.state.limits = Limits(settings)
    app.state.streams = Streams()
    app.state.redactor = Redactor(settings)
    app.state.log = make_log(settings, quiet=quiet)
    if service is not None:
        _serve(app, service)
    problems.install(app)
    pending.install(app)
    schema.install(app)
    _route(app)
    _guard(app, settings)
    return app


def _route(app: FastAPI) -> None:
    # routes are matched in this order, so those that are read most come first
    app.include_router(compat.build(), responses=pending.documented(), dependencies=STRICT)
    app.include_router(interventions.build(), dependencies=STRICT)
    app.include_router(operations.router)
    for module in (kinds, experiments, events, runs, reproductions, questions):
        app.include_router(module.build(), dependencies=STRICT)
    for part in (mix_datasets, mix_outputs, mix_files, mix_runs):
        app.include_router(part.build(), dependencies=STRICT)
    app.include_router(session.router)
    app.include_router(pages.router)
    app.include_router(reference_page.router)
    app.include_router(problem_pages.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")


def _guard(app: FastAPI, settings: Settings) -> None:
    """Stand guards before the routes; the one added last stands outermost."""
    app.add_middleware(Tags)
    app.add_middleware(Compress)
    app.add_middleware(Gate, settings=settings)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-None-Match",
                "Prefer",
            ],
            expose_headers=["ETag", "Link", "Location", "Retry-After", "X-Request-ID"],
        )
    app.add_middleware(RequestLog, log=app.state.log, metrics=app.state.metrics)
    app.add_middleware(Shield)


def _serve(app: FastAPI, service: Service) -> None:
    """Answer from the service; a request never waits for a sampler."""
    app.state.service = service.without_waiting()


def _lifespan(settings: Settings, given: Service | None, *, works: bool) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        _sweep(settings.home / FOLDER)
        if given is not None:
            yield
            return
        opened = Service.open(settings, works=works)
        _serve(app, opened)
        try:
            yield
        finally:
            opened.close()

    return lifespan


def _sweep(folder: Path) -> None:
    """Remove what a killed process left behind."""
    for left in folder.glob("*") if folder.exists() else ():
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


@cache
def _environment_app() -> FastAPI:
    return create_app(load_settings())


def __getattr__(name: str) -> Any:
    if name == "app":
        return _environment_app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
