"""Settings of a marketing mix as the workbench asks for them: essentials first, the rest below."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, VibesError
from pymc_vibes.http import asking, forms
from pymc_vibes.http.page_mix_bench import Bench, Step
from pymc_vibes.http.text import plain
from pymc_vibes.service import Service

EXPERIMENTS = "experiments"


@dataclass(frozen=True, kw_only=True)
class Group:
    """Some of the settings under a heading."""

    title: str
    about: str
    fields: tuple[forms.Field, ...]
    is_first: bool = False
    """Whether it is shown at once."""

    @property
    def has_error(self) -> bool:
        """Whether one of its fields has a value that it cannot have."""
        return any(_has_error(field) for field in self.fields)


_GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Essentials",
        "Good as they are for a first fit.",
        (
            "link",
            "harmonics",
            "holdout_periods",
            "holiday_country",
            "currency",
            "value_per_sale",
            "adstock",
            "saturation",
            "trend",
            "effect_prior",
        ),
    ),
    (
        "Data",
        "Which columns, entities and periods count, and how they are brought together.",
        (
            "target_column",
            "drivers",
            "controls",
            "entities",
            "panel",
            "grain",
            "week_begins",
            "duplicates",
            "control_rules",
            "plain_mean_controls",
            "windows",
            "start",
            "end",
            "min_periods",
        ),
    ),
    (
        "Model",
        "Noise, other priors and single days.",
        ("preset", "noise", "offset", "center_target", "holidays", "priors"),
    ),
)
_REST = ("Sampler and words", "How long it samples, and what things are called.")


def context_of(_service: Service, bench: Bench, _step: Step) -> dict[str, Any]:
    """Give what the page of settings shows."""
    return {"groups": groups_of(bench), "problem": None}


def groups_of(
    bench: Bench, typed: Mapping[str, str] | None = None, error: VibesError | None = None
) -> tuple[Group, ...]:
    """Give the form of all settings but the experiments, which have a page of their own."""
    found = {
        _root(field.name): field
        for field in forms.fields(
            bench.kind.config,
            asking.settings_of(bench.kind, bench.experiment.config),
            typed=typed,
            error=error if isinstance(error, BadConfig) else None,
            prefix=asking.PREFIX,
        )
    }
    found.pop(EXPERIMENTS, None)
    named = tuple(
        Group(
            title=title,
            about=about,
            fields=tuple(found.pop(name) for name in names if name in found),
            is_first=title == _GROUPS[0][0],
        )
        for title, about, names in _GROUPS
    )
    return (*named, Group(title=_REST[0], about=_REST[1], fields=tuple(found.values())))


def _has_error(field: forms.Field) -> bool:
    below = (inner for variant in field.variants for inner in variant.fields)
    return bool(field.error) or any(map(_has_error, below))


def _root(name: str) -> str:
    return name.removeprefix(asking.PREFIX).split(".")[0]


@dataclass(frozen=True, kw_only=True)
class EntryLine:
    """An experiment that calibrates the mix, as its line in the list says it."""

    number: int
    channel: str
    name: str
    days: str
    measured: str
    run_id: str
    grade: str
    weight: str


def experiments_context(
    bench: Bench, typed: Mapping[str, str] | None = None, error: VibesError | None = None
) -> dict[str, Any]:
    """Give what the page of experiments shows: those there are, and the form of a further one."""
    return {
        "entries": tuple(_lines(entries_of(bench))),
        "entry_fields": entry_fields(bench, typed, error),
        "entry_problem": error,
    }


def entries_of(bench: Bench) -> list[Mapping[str, Any]]:
    """List the experiments among the settings, as they were given."""
    own = asking.settings_of(bench.kind, bench.experiment.config)
    return list(own.get(EXPERIMENTS) or ())


def _lines(entries: Sequence[Mapping[str, Any]]) -> Iterator[EntryLine]:
    for number, entry in enumerate(entries):
        yield EntryLine(
            number=number,
            channel=str(entry.get("channel", "")),
            name=str(entry.get("name") or "") or f"Test {number + 1}",
            days=_days(entry),
            measured=_measured(entry),
            run_id=str(entry.get("run_id") or ""),
            grade=str(entry.get("grade") or ("as the run says" if entry.get("run_id") else "open")),
            weight=plain(entry.get("weight")),
        )


def _days(entry: Mapping[str, Any]) -> str:
    first, last = entry.get("first"), entry.get("last")
    return f"{first} to {last}" if first and last else "as the run says"


def _measured(entry: Mapping[str, Any]) -> str:
    lift, sd = entry.get("lift"), entry.get("sd")
    if lift is None or sd is None:
        return "as the run says"
    return f"{plain(float(lift))}, give or take {plain(float(sd))}"


def entry_fields(
    bench: Bench, typed: Mapping[str, str] | None, error: VibesError | None
) -> tuple[forms.Field, ...]:
    """Give the form of one experiment, from the kind's own record of it."""
    from pymc_vibes.kinds.marketing_mix.experiments import ExperimentEntry

    made = forms.fields(
        ExperimentEntry,
        _DEFAULTS,
        typed=typed,
        error=error if isinstance(error, BadConfig) else None,
        suggestions={"channel": channels_of(bench)},
    )
    return tuple(field for field in made if field.name != "measured")


def read_entry(typed: Mapping[str, str]) -> dict[str, Any]:
    """Read the form of one experiment; raises `BadConfig` with the fields that are wrong."""
    from pymc_vibes.kinds.marketing_mix.experiments import ExperimentEntry

    given = {name: text for name, text in typed.items() if name != "measured" and text.strip()}
    entry = parse(ExperimentEntry, forms.read(ExperimentEntry, given))
    return entry.model_dump(mode="json")


def channels_of(bench: Bench) -> tuple[str, ...]:
    """Name the channels of the answer that is shown, for forms that ask for one."""
    tables = bench.answer.summary.tables if bench.answer else ()
    return tuple(str(row[0]) for table in tables if table.name == "channels" for row in table.rows)


_DEFAULTS: Mapping[str, Any] = {"is_in_panel": True, "weight": 1.0, "value": 1.0}
