"""How much costly work one client may ask for: a bucket of tokens for each sort of work.

A bucket holds a minute's worth and fills evenly. Uploads and downloads are paid at the door. A run
is paid when it begins, once, however often it is asked about; who has used up their runs is let
in to what may begin one when the bucket has filled again. A client is the subject of a token.
Without authentication there is one person at one machine, and nothing is counted.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Literal

from fastapi import Request

from pymc_vibes.core.errors import TooManyRequests
from pymc_vibes.core.run import Run
from pymc_vibes.http.auth import Principal
from pymc_vibes.settings import Settings

type Work = Literal["uploads", "downloads", "runs"]

COST = "x-cost"
UPLOAD = {COST: "uploads"}
"""Marks a route that takes events in."""
DOWNLOAD = {COST: "downloads"}
"""Marks a route that makes something large: simulated events, draws, pictures, files."""
MAY_RUN = {COST: "runs"}
"""Marks a page that may begin a run; routes that are described say so by their answer 202."""
MOST_CLIENTS = 10_000  # buckets that are held; the one that rested longest goes first
MOST_RUNS = 10_000  # runs that were paid and are remembered
MINUTE = 60.0
ACCEPTED = 202


class Limits:
    """What each client may still ask for; safe between threads."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._rates: dict[Work, int] = {
            "uploads": settings.max_uploads_per_minute,
            "downloads": settings.max_downloads_per_minute,
            "runs": settings.max_runs_per_minute,
        }
        self._now = now
        self._lock = Lock()
        self._buckets: OrderedDict[tuple[str, Work], tuple[float, float]] = OrderedDict()
        self._paid: OrderedDict[str, None] = OrderedDict()

    def admit(self, principal: Principal, work: Work) -> None:
        """Let the client in, or raise `TooManyRequests`; all but runs is paid here."""
        if principal.via == "open":
            return
        rate = self._rates[work]
        with self._lock:
            left = self._left(principal.subject, work)
            if left >= 1 and work != "runs":
                self._pay(principal.subject, work, left)
        if left < 1:
            wait = math.ceil((1 - left) * MINUTE / rate)
            raise TooManyRequests(
                f"{rate:,} {work} a minute are allowed, and yours are used up.",
                hint=f"Wait {wait} s; VIBES_MAX_{work.upper()}_PER_MINUTE sets the limit.",
                retry_after=wait,
            )

    def began(self, principal: Principal, run: str) -> None:
        """Charge the client for a run, unless it was paid before."""
        if principal.via == "open":
            return
        with self._lock:
            if run in self._paid:
                return
            self._paid[run] = None
            if len(self._paid) > MOST_RUNS:
                self._paid.popitem(last=False)
            self._pay(principal.subject, "runs", self._left(principal.subject, "runs"))

    def _left(self, client: str, work: Work) -> float:
        rate = self._rates[work]
        now = self._now()
        left, since = self._buckets.get((client, work), (float(rate), now))
        return min(float(rate), left + (now - since) * rate / MINUTE)

    def _pay(self, client: str, work: Work, left: float) -> None:
        self._buckets[client, work] = (left - 1, self._now())
        self._buckets.move_to_end((client, work))
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)


def costs_of(route: object) -> tuple[Work, ...]:
    """Name what a route costs."""
    marks = getattr(route, "openapi_extra", None) or {}
    marked: Work | None = marks.get(COST)
    may_run = ACCEPTED in (getattr(route, "responses", None) or {})
    return tuple(dict.fromkeys((*((marked,) if marked else ()), *(("runs",) if may_run else ()))))


def admit(request: Request, principal: Principal) -> None:
    """Let a request in if its client has something left for each of its costs."""
    limits: Limits = request.app.state.limits
    for work in costs_of(request.scope.get("route")):
        limits.admit(principal, work)


def charge(request: Request, run: Run | None) -> None:
    """Charge who asked for the run that began, if one did."""
    principal = request.scope["state"].get("principal")
    if run is not None and principal is not None:
        limits: Limits = request.app.state.limits
        limits.began(principal, run.id)
