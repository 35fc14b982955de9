"""Questions as pages ask them: settings and parameters from an address, and what to suggest.

Settings of one reading stand in the address as `set.NAME`, and only those that differ from the
experiment's own; parameters of a further question stand there under their own names.
"""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig, VibesError
from pymc_vibes.core.experiment import Experiment
from pymc_vibes.core.kind import Kind, Query
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import Pending, Run
from pymc_vibes.http import forms
from pymc_vibes.service import Analysis, Service

PREFIX = "set."
WITH_DATA = ("posterior", "journal", "config")
WITHOUT_DATA = ("config",)
SUGGESTED = 500  # names offered under a field; more would weigh more than the page


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One reading of an experiment: what was asked, and the answer or what stood in its way."""

    experiment: Experiment
    kind: Kind[Any]
    typed: Mapping[str, str]
    """Settings of this reading that differ from the experiment's own, as text by field."""
    overrides: Mapping[str, Any]
    analysis: Analysis | None = None
    problem: VibesError | None = None
    pending: Run | None = None
    """The run that samples the answer, where it is not there yet."""
    snapshot: int | None = None

    @property
    def own(self) -> dict[str, Any]:
        """The experiment's own settings, completed with the kind's defaults."""
        return settings_of(self.kind, self.experiment.config)

    def fields(self) -> tuple[forms.Field, ...]:
        """Give the fields of the settings form."""
        error = self.problem if isinstance(self.problem, BadConfig) else None
        known = suggestions(self.kind.config, names_in(self.analysis))
        return forms.fields(
            self.kind.config,
            self.own,
            typed=self.typed,
            error=error,
            prefix=PREFIX,
            suggestions=known,
        )


def settings_of(kind: Kind[Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Complete stored settings with the kind's defaults; as they are where they do not fit."""
    try:
        complete: dict[str, Any] = parse(kind.config, dict(stored)).model_dump(mode="json")
    except BadConfig:
        return dict(stored)
    return complete


def settings_typed(
    kind: Kind[Any], stored: Mapping[str, Any], given: forms.Typed
) -> dict[str, str]:
    """Keep the settings of an address that differ from the stored ones."""
    typed = {name: text for name, text in given.items() if name.startswith(PREFIX)}
    return forms.changed(kind.config, settings_of(kind, stored), typed, PREFIX)


def read(
    service: Service,
    experiment: Experiment,
    kind: Kind[Any],
    typed: Mapping[str, str],
    snapshot: int | None = None,
) -> Reading:
    """Ask for the answer under the settings typed; a problem becomes part of the reading."""
    overrides: dict[str, Any] = {}
    analysis, problem, pending = None, None, None
    try:
        overrides = forms.read(kind.config, typed, PREFIX)
        if experiment.rows or overrides:
            analysis = service.analysis(experiment.name, overrides, snapshot=snapshot)
    except VibesError as error:
        problem = error
    except Pending as sampled:
        pending = sampled.run
    return Reading(
        experiment=experiment,
        kind=kind,
        typed=typed,
        overrides=overrides,
        analysis=analysis,
        problem=problem,
        pending=pending,
        snapshot=snapshot,
    )


def names_in(analysis: Analysis | None) -> dict[str, tuple[str, ...]]:
    """List the names that the cells know, by column: cohorts, events, arms."""
    return _names(analysis.posterior) if analysis else {}


def _names(posterior: Posterior) -> dict[str, tuple[str, ...]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = posterior.cells
    return {
        field.name: tuple(
            name for name in pc.unique(cells[field.name]).to_pylist()[:SUGGESTED] if name
        )
        for field in cells.schema
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    }


def suggestions(model: Any, names: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Offer known names to the fields that are about them: `cohort`, or "The first cohort."."""
    offered = {}
    for field, info in model.model_fields.items():
        about = (info.description or "").lower()
        for column in names:
            if field == column or re.match(rf"the (\w+ )?{re.escape(column)}\b", about):
                offered[field] = names[column]
                break
    return offered


@dataclass(frozen=True, kw_only=True)
class Question:
    """A further question with its form."""

    query: Query[Any]
    fields: tuple[forms.Field, ...]

    @property
    def is_kept(self) -> bool:
        """Whether asking changes something, so that it must be posted."""
        return self.query.is_kept


def questions(
    kind: Kind[Any],
    names: Mapping[str, tuple[str, ...]],
    *,
    on: tuple[str, ...] = WITH_DATA,
) -> tuple[Question, ...]:
    """Give the kind's questions with empty forms."""
    return tuple(question(query, names, {}, None) for query in kind.queries if query.on in on)


def is_asked(given: Mapping[str, str], typed: Mapping[str, str]) -> bool:
    """Whether an address asks a question, and does not merely show its form."""
    return bool(typed) or "asked" in given


def question(
    query: Query[Any],
    names: Mapping[str, tuple[str, ...]],
    typed: Mapping[str, str],
    error: VibesError | None,
) -> Question:
    """Give a question with its form filled as typed."""
    offered = suggestions(query.parameters, names)
    fields = forms.fields(
        query.parameters,
        first_guess(query, offered),
        typed=typed,
        error=error,
        suggestions=offered,
    )
    return Question(query=query, fields=fields)


def first_guess(query: Query[Any], offered: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Fill a form before anybody has: defaults, and different names where one must be chosen."""
    guess: dict[str, Any] = {}
    used: dict[tuple[str, ...], int] = {}
    for name, info in query.parameters.model_fields.items():
        if not info.is_required():
            guess[name] = info.get_default(call_default_factory=True)
        elif known := offered.get(name):
            place = used.get(known, 0)
            used[known] = place + 1
            guess[name] = known[min(place, len(known) - 1)]
    model = query.parameters.model_construct(**guess)
    return {
        name: value
        for name, value in model.model_dump(mode="json", warnings=False).items()
        if name in guess
    }


def command_line(experiment: str, settings: Mapping[str, Any]) -> str:
    """Write the command that answers the experiment's question under these settings."""
    words = ["vibes", "analyze", experiment]
    for name, value in settings.items():
        words += ["--set", f"{name}={_as_typed(value)}"]
    return shlex.join(words)


def _as_typed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def question_line(
    experiment: str, slug: str, parameters: Mapping[str, Any], settings: Mapping[str, Any]
) -> str:
    """Write the command that asks a further question."""
    words = ["vibes", "ask", experiment, slug]
    for option, values in (("--set", parameters), ("--config", settings)):
        for name, value in values.items():
            words += [option, f"{name}={_as_typed(value)}"]
    return shlex.join(words)


def request_line(reading: Reading, origin: str, *, guarded: bool) -> str:
    """Write the same question for curl; a guarded server wants a token with it."""
    body = json.dumps(dict(reading.overrides), ensure_ascii=False)
    address = f"{origin}/api/v1/experiments/{reading.experiment.name}/runs"
    asking = shlex.join(["curl", "-sS", address, "--json", body])
    # the shell puts the token in, so that it stands in no page and no history
    return f'{asking} -H "Authorization: Bearer $VIBES_TOKEN"' if guarded else asking
