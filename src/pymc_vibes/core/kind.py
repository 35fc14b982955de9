"""An experiment kind is one value: data description, settings, and pure functions.

    truth ──► events ──► cells ──► posterior ──► summary, figures
        simulate    reduce     fit          summarize, figures

Every surface (routes, commands, forms, docs, contract tests) derives from `Kind`. To add a kind is
to add a module to `pymc_vibes/kinds` (or an entry point of the group `pymc_vibes.kinds`) that holds
one, under the name `kind`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pymc_vibes.core.answer import Finding, QueryAnswer, Summary
from pymc_vibes.core.config import Config, Parameters
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.lift import MeasuredLift
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.records import Record
from pymc_vibes.core.run import Watch
from pymc_vibes.core.schema import Schema

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import numpy as np
    import pyarrow as pa
    import xarray as xr


class Extent(Record):
    """What the lake knows of an experiment's events without reading them."""

    rows: int
    first: datetime | None
    """Earliest event (UTC), None when there is no time column or no event."""
    last: datetime | None


class Truth[C: Config](Protocol):
    """Draw parameters from the config's prior: a labelled data set. Refuses improper priors."""

    def __call__(self, config: C, rng: "np.random.Generator", /) -> "xr.Dataset": ...


class Simulate(Protocol):
    """Make about `size` events of the world `truth`: a table that fits the schema.

    A `timestamp` column is naive UTC. Kinds with a roster must let silent entities stay silent.
    """

    def __call__(
        self, truth: "xr.Dataset", size: int, rng: "np.random.Generator", /
    ) -> "pa.Table": ...


class Check[C: Config](Protocol):
    """Say what is odd about events across rows; an Ibis expression is evaluated where they live."""

    def __call__(self, events: "ir.Table", config: C, /) -> tuple[Finding, ...]: ...


class Resolve[C: Config](Protocol):
    """Complete open settings (a default window) from the experiment's extent.

    Raises `InsufficientData` where the extent is empty and the settings cannot be completed.
    """

    def __call__(self, config: C, extent: Extent, /) -> C: ...


class Reduce[C: Config](Protocol):
    """Reduce events to cells, one row per cell, as an Ibis expression that runs where events live.

    `roster` holds the distinct combinations of the schema's entity columns (None for kinds without
    any): left-join it, or an entity without events in the window vanishes.
    """

    def __call__(
        self, events: "ir.Table", roster: "ir.Table | None", config: C, /
    ) -> "ir.Table": ...


class Fit[C: Config](Protocol):
    """Compute the posterior of the cells (a small Arrow table, sorted). Pure: same in, same out."""

    def __call__(self, cells: "pa.Table", config: C, watch: Watch, /) -> Posterior: ...


class BuildModel[C: Config](Protocol):
    """Build the `pm.Model` of the cells: what is sampled, or what has the same posterior.

    Its type is not named here, because the vocabulary knows no sampler.
    """

    def __call__(self, cells: "pa.Table", config: C, /) -> Any: ...


class Summarize[C: Config](Protocol):
    """Say the answer: headline, decision, numbers."""

    def __call__(self, posterior: Posterior, config: C, /) -> Summary: ...


class Figures[C: Config](Protocol):
    """Declare the pictures of the answer."""

    def __call__(self, posterior: Posterior, config: C, /) -> tuple[Figure, ...]: ...


class Lift[C: Config](Protocol):
    """Say the effect that a posterior measured, as information for another kind.

    Raises `InsufficientData` where it is none that another kind may rely on.
    """

    def __call__(self, posterior: Posterior, config: C, /) -> MeasuredLift: ...


class Informed[C: Config](Protocol):
    """Put what runs measured, by run id, beside the ids that the settings name."""

    def __call__(self, config: C, lifts: Mapping[str, MeasuredLift], /) -> C: ...


@dataclass(frozen=True, kw_only=True)
class Borrow[C: Config]:
    """How a kind takes what runs of other kinds measured."""

    setting: str
    """The setting that names the runs, for messages."""
    wanted: Callable[[C], tuple[str, ...]]
    """Give the ids of the runs, also of those whose numbers are there already."""
    informed: Informed[C]


class AskPosterior[C: Config, P: Parameters](Protocol):
    """Answer a question from a finished posterior."""

    def __call__(self, posterior: Posterior, config: C, parameters: P, /) -> QueryAnswer: ...


class AskConfig[C: Config, P: Parameters](Protocol):
    """Answer a question that needs no data yet."""

    def __call__(self, config: C, parameters: P, /) -> QueryAnswer: ...


class AskJournal[C: Config, P: Parameters](Protocol):
    """Make the next entry of a journal from a finished posterior and the entries before it.

    `past` holds every entry so far, oldest first, as it was kept, also by earlier versions of the
    kind: what an entry says in `data` must stay readable. Pure: where another entry came in
    between, it is called again with that one in `past`.
    """

    def __call__(
        self, posterior: Posterior, config: C, parameters: P, past: Sequence[QueryAnswer], /
    ) -> QueryAnswer: ...


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How many events make a world that says little, a common one and one that says much.

    Calibration runs on all three, and a data set that somebody asks for has the common size.
    """

    few: int = 5
    common: int = 5000
    many: int = 20_000

    def __post_init__(self) -> None:
        if not 1 <= self.few <= self.common <= self.many:
            raise ValueError(f"sizes must rise from 1, not {self}")


_SLUG = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")


@dataclass(frozen=True, kw_only=True)
class PosteriorQuery[C: Config, P: Parameters]:
    """A further question to a finished posterior: a route, a command and a form."""

    slug: str
    title: str
    about: str
    parameters: type[P]
    answer: AskPosterior[C, P]
    sticky_by: str | None = None
    """A parameter whose first answer is kept: the same unit always gets the same arm."""
    fresh: str | None = None
    """A text parameter that the service fills with a new id where neither it nor the sticky one is
    given: the answer stays a pure function, and anonymous requests still differ."""
    on: Literal["posterior"] = "posterior"

    @property
    def is_kept(self) -> bool:
        """Whether asking keeps something, so that reading is another matter."""
        return self.sticky_by is not None


@dataclass(frozen=True, kw_only=True)
class ConfigQuery[C: Config, P: Parameters]:
    """A question that needs no data yet, such as planning."""

    slug: str
    title: str
    about: str
    parameters: type[P]
    answer: AskConfig[C, P]
    sticky_by: None = None
    on: Literal["config"] = "config"

    @property
    def is_kept(self) -> bool:
        """Whether asking keeps something, so that reading is another matter."""
        return False


@dataclass(frozen=True, kw_only=True)
class JournalQuery[C: Config, P: Parameters]:
    """A question whose answers are kept for good, in order, and know those before them.

    Asked again of the same posterior with the same parameters it gives the entry that is kept.
    """

    slug: str
    title: str
    about: str
    parameters: type[P]
    answer: AskJournal[C, P]
    sticky_by: None = None
    on: Literal["journal"] = "journal"

    @property
    def is_kept(self) -> bool:
        """Whether asking keeps something, so that reading is another matter."""
        return True


type Query[C: Config] = PosteriorQuery[C, Any] | ConfigQuery[C, Any] | JournalQuery[C, Any]


@dataclass(frozen=True, kw_only=True)
class Kind[C: Config]:
    """One kind of experiment."""

    slug: str
    title: str
    question: str
    """What it answers, as the question a person would ask."""
    about: str
    """The module docstring: the answer, the model in formulas, assumptions, references."""
    version: int
    """Raised whenever any number it gives can change; part of the cache key."""
    schema: Schema
    config: type[C]
    example: C
    """Proper priors that make believable demo data; calibration runs on it."""
    truth: Truth[C]
    simulate: Simulate
    reduce: Reduce[C]
    fit: Fit[C]
    summarize: Summarize[C]
    figures: Figures[C]
    queries: tuple[Query[C], ...] = ()
    resolve: Resolve[C] | None = None
    check: Check[C] | None = None
    lift: Lift[C] | None = None
    """What a run of this kind measured, for kinds that borrow."""
    borrow: Borrow[C] | None = None
    """How it takes what runs of other kinds measured; the service resolves them before `fit`."""
    build_model: BuildModel[C] | None = None
    """The model in PyMC, of a kind that may sample."""
    stages: tuple[str, ...] = ()
    sizes: Sizes = Sizes()

    def __post_init__(self) -> None:
        names = [query.slug for query in self.queries]
        if not _SLUG.match(self.slug) or self.version < 1:
            raise ValueError(f"{self.slug!r}: a kind needs a kebab-case slug and a version from 1")
        if len(set(names)) != len(names) or not all(_SLUG.match(name) for name in names):
            raise ValueError(f"{self.slug}: queries need distinct kebab-case slugs, have {names}")

    def query(self, slug: str) -> Query[C]:
        """Give the query of that slug, or raise `QueryNotFound`."""
        from pymc_vibes.core.errors import QueryNotFound

        for query in self.queries:
            if query.slug == slug:
                return query
        known = ", ".join(query.slug for query in self.queries) or "none"
        raise QueryNotFound(f"{self.slug} has no question {slug!r}.", hint=f"It has: {known}.")

    def describe(self) -> Mapping[str, Any]:
        """Give the kind as JSON: what surfaces and clients need to know of it."""
        return {
            "slug": self.slug,
            "title": self.title,
            "question": self.question,
            "about": self.about,
            "version": self.version,
            "schema": self.schema.model_dump(),
            "config": self.config.model_json_schema(),
            "example": self.example.model_dump(mode="json"),
            "sizes": asdict(self.sizes),
            "queries": [
                {
                    "slug": query.slug,
                    "title": query.title,
                    "about": query.about,
                    "on": query.on,
                    "parameters": query.parameters.model_json_schema(),
                }
                for query in self.queries
            ],
        }


__all__ = [
    "AskConfig",
    "AskJournal",
    "AskPosterior",
    "Borrow",
    "BuildModel",
    "Check",
    "ConfigQuery",
    "Extent",
    "Figures",
    "Fit",
    "Informed",
    "JournalQuery",
    "Kind",
    "Lift",
    "PosteriorQuery",
    "Query",
    "Reduce",
    "Resolve",
    "Simulate",
    "Sizes",
    "Summarize",
    "Truth",
]
