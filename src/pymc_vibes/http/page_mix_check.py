"""What the check of a marketing mix's data found, before anything is fitted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import VibesError
from pymc_vibes.core.experiment import Experiment
from pymc_vibes.http.page_mix_bench import KIND
from pymc_vibes.kinds import find_kind
from pymc_vibes.service import Service

if TYPE_CHECKING:
    from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
    from pymc_vibes.kinds.marketing_mix.messages import Message, ValidationSummary
    from pymc_vibes.kinds.marketing_mix.schema import Roles


@dataclass(frozen=True, kw_only=True)
class ColumnRole:
    """A column of the data and the part it plays."""

    name: str
    role: str
    missing: float | None = None
    """Share of rows without a value; None where it was not looked at."""
    rule: str = ""
    """How entities and days are brought to a total."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """The summary of a check with the roles of the columns, or what stood in its way."""

    summary: "ValidationSummary | None" = None
    roles: tuple[ColumnRole, ...] = ()
    problem: VibesError | None = None

    @property
    def is_ready(self) -> bool:
        """Whether nothing stands against a fit."""
        return self.summary is not None and self.summary.is_valid

    @property
    def verdict(self) -> str:
        """Say in one line whether one may go on."""
        if self.summary is None:
            return "The settings do not fit the data."
        errors, warnings = len(self.summary.errors), len(self.summary.warnings)
        careful = _many(warnings, "warning") if warnings else ""
        if errors:
            verb = "stands" if errors == 1 else "stand"
            more = f", and there {'is' if warnings == 1 else 'are'} {careful}" if careful else ""
            return f"{_many(errors, 'error')} {verb} against a fit{more}."
        return f"Ready to train, with {careful}." if careful else "Ready to train."

    @property
    def messages(self) -> "tuple[Message, ...]":
        """Give the messages, worst first."""
        found = self.summary
        return () if found is None else (*found.errors, *found.warnings, *found.notes)


def check(service: Service, experiment: Experiment) -> Check:
    """Check the newest data of an experiment under its own settings."""
    from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
    from pymc_vibes.kinds.marketing_mix.validate import validation_summary

    try:
        config = parse(MarketingMixConfig, dict(experiment.config))
        with service.lake.reading(experiment, None, find_kind(KIND).schema) as view:
            summary = validation_summary(view.events, config)
            present = tuple(view.events.columns)
        return Check(summary=summary, roles=tuple(_roles(present, config, summary)))
    except VibesError as problem:
        return Check(problem=problem)


def _roles(
    present: tuple[str, ...], config: "MarketingMixConfig", summary: "ValidationSummary"
) -> Iterator[ColumnRole]:
    from pymc_vibes.kinds.marketing_mix.schema import roles_of

    try:
        roles = roles_of(present, config.target_column, config.drivers, config.controls)
    except VibesError:  # the summary tells which column is not there
        return
    parts = _parts(roles)
    unused = sorted({*present} - {*parts})
    for name in (*(name for name in parts if name in present), *unused):
        yield ColumnRole(
            name=name,
            role=parts.get(name, "not used"),
            missing=summary.missing.get("sales" if name == roles.target else name),
            rule=summary.aggregation.get(name, ""),
        )


def _parts(roles: "Roles") -> Mapping[str, str]:
    spends = {column: f"spend of {channel}" for channel, column in roles.spends.items()}
    drivers = {column: f"activity of {channel}" for channel, column in roles.drivers.items()}
    both = {
        column: f"spend of {channel}, in place of its activity"
        for channel, column in roles.drivers.items()
        if column in spends
    }
    return {
        "period_start": "period",
        "entity_id": "entity",
        roles.target: "what was sold",
        **spends,
        **drivers,
        **both,
        **dict.fromkeys(roles.controls, "control"),
    }


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
