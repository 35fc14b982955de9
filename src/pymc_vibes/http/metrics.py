"""Counters and clocks for Prometheus, each with a bounded number of labels.

Addresses are labelled by their template. Cohorts are labelled by name only while slots are left:
the largest come first, everything later counts as `(other)`, so that a counter only ever rises.
"""

from collections.abc import Mapping
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from pymc_vibes.core.answer import Answer
from pymc_vibes.core.run import RunState

COHORT_SLOTS = 50
OTHER = "(other)"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What one app counts, in a registry of its own."""

    media_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._lock = Lock()
        self._slots: set[str] = set()
        self._counted: dict[str, int] = {}
        self._cohorts_at = ""
        self.latency = Histogram(
            "vibes_request_seconds",
            "Time to answer a request.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._rows = Counter(
            "vibes_ingested_rows", "Rows of events taken in.", ("kind",), registry=registry
        )
        self._rejected = Counter(
            "vibes_rejected_rows", "Rows of events set aside.", ("kind",), registry=registry
        )
        self._updates = Counter(
            "vibes_cohort_updates",
            f"Rows of `observations` by cohort, {COHORT_SLOTS} of them by name.",
            ("cohort",),
            registry=registry,
        )
        self._fits = Counter(
            "vibes_fits",
            "Fits by kind, method and verdict.",
            ("kind", "method", "verdict"),
            registry=registry,
        )
        self._hits = Counter(
            "vibes_cache_hits", "Answers given from memory.", ("kind",), registry=registry
        )
        self._unfinished = Gauge(
            "vibes_runs_unfinished", "Runs that wait or run.", ("state",), registry=registry
        )

    def set_depth(self, depth: Mapping[RunState, int]) -> None:
        """Say how many runs wait and run now."""
        for state, count in depth.items():
            self._unfinished.labels(state.value).set(count)

    def count_answer(self, answer: Answer) -> None:
        """Count an answer as a fit, or as a cache hit."""
        if answer.cached:
            self._hits.labels(answer.kind).inc()
        else:
            report = answer.diagnostics
            self._fits.labels(answer.kind, report.method, report.verdict).inc()

    def count_rows(self, kind: str, ingested: int, rejected: int) -> None:
        """Count the rows of an upload."""
        self._rows.labels(kind).inc(ingested)
        self._rejected.labels(kind).inc(rejected)

    def count_cohorts(self, version: str, rows: Mapping[str, int]) -> None:
        """Raise the counter of each cohort to its number of rows."""
        with self._lock:
            self._cohorts_at = version
            for cohort, count in sorted(rows.items(), key=lambda item: -item[1]):
                before = self._counted.get(cohort, 0)
                # fewer than before: the experiment was deleted and made anew
                self._updates.labels(self._slot(cohort)).inc(count - before * (before <= count))
            self._counted = dict(rows)

    def knows_cohorts(self, version: str) -> bool:
        """Whether the cohorts were counted at this version of the data."""
        return self._cohorts_at == version

    def render(self) -> bytes:
        """Give the exposition text."""
        return generate_latest(self._registry)

    def _slot(self, cohort: str) -> str:
        if len(self._slots) < COHORT_SLOTS:
            self._slots.add(cohort)
        return cohort if cohort in self._slots else OTHER
