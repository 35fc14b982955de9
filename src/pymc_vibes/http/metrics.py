"""Counters and clocks for Prometheus, each with a bounded number of labels.

Addresses are labelled by their template. Cohorts are labelled by name only while slots are left:
the largest come first, everything later counts as `(other)`, so that a counter only ever rises.
"""

from collections.abc import Iterator, Mapping
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from pymc_vibes.core.answer import Answer
from pymc_vibes.core.run import RunState

COHORT_SLOTS = 50
OTHER = "(other)"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


type Outcome = tuple[str, str, str, str]
"""State, kind, method and verdict of runs."""


class _Outcomes(Collector):
    """Counters whose truth is in the run table: workers in other processes raise them as well."""

    def __init__(self) -> None:
        self.counted: Mapping[Outcome, int] = {}

    def collect(self) -> Iterator[Metric]:
        """Give the counters as they were last read."""
        fits = CounterMetricFamily(
            "vibes_fits", "Fits by kind, method and verdict.", labels=("kind", "method", "verdict")
        )
        lost = CounterMetricFamily(
            "vibes_runs_without_answer",
            "Runs that failed or were cancelled.",
            labels=("state", "kind"),
        )
        for (state, kind, method, verdict), count in self.counted.items():
            if state == RunState.SUCCEEDED:
                fits.add_metric((kind, method, verdict), count)
            else:
                lost.add_metric((state, kind), count)
        yield fits
        yield lost


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
        self._outcomes = _Outcomes()
        registry.register(self._outcomes)
        self._hits = Counter(
            "vibes_cache_hits", "Answers given from memory.", ("kind",), registry=registry
        )
        self._unfinished = Gauge(
            "vibes_runs_unfinished", "Runs that wait or run.", ("state",), registry=registry
        )

    def set_runs(self, depth: Mapping[RunState, int], outcomes: Mapping[Outcome, int]) -> None:
        """Say how many runs wait and run now, and how all others ended, whoever worked on them."""
        for state, count in depth.items():
            self._unfinished.labels(state.value).set(count)
        self._outcomes.counted = outcomes

    def count_answer(self, answer: Answer) -> None:
        """Count an answer that was given from memory."""
        if answer.cached:
            self._hits.labels(answer.kind).inc()

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
