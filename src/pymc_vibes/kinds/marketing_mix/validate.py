"""Whether data and settings make a marketing mix: errors that block, warnings that do not."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Finding
from pymc_vibes.core.errors import BadConfig, InsufficientData, VibesError
from pymc_vibes.kinds.marketing_mix.canonical import Columns, Panel, columns_of, panel_of
from pymc_vibes.kinds.marketing_mix.cells import reduce
from pymc_vibes.kinds.marketing_mix.combining import is_known
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.messages import Message, ValidationSummary, day_of, listed
from pymc_vibes.kinds.marketing_mix.rules_media import media_messages
from pymc_vibes.kinds.marketing_mix.rules_model import model_messages, parameters_of
from pymc_vibes.kinds.marketing_mix.rules_rows import row_messages
from pymc_vibes.kinds.marketing_mix.rules_sales import sales_messages
from pymc_vibes.kinds.marketing_mix.schema import SCHEMA, Roles, roles_of
from pymc_vibes.kinds.marketing_mix.windows import span_of

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

_MEDIA_WORDS = ("spend", "cost", "impression", "click", "grp", "activity", "media")


def check(events: "ir.Table", config: MarketingMixConfig) -> tuple[Finding, ...]:
    """Give the messages about events as findings."""
    return validation_summary(events, config).findings


def validation_summary(events: "ir.Table", config: MarketingMixConfig) -> ValidationSummary:
    """Check events where they live: their columns, then their cells."""
    try:
        roles = roles_of(events.columns, config.target_column, config.drivers, config.controls)
    except BadConfig as error:
        return ValidationSummary().with_messages((_refusal("unknown-column", error),))
    cells = reduce(events, None, config)
    found = validate(cells.to_pyarrow().cast(cells.schema().to_pyarrow()), config)
    ignored = tuple(_ignored(events.columns, roles))
    return found.with_messages((*found.errors, *found.warnings, *found.notes, *ignored))


def validate(cells: "pa.Table", config: MarketingMixConfig) -> ValidationSummary:
    """Check cells, by every rule that they can be judged by."""
    columns = columns_of(cells)
    if not len(columns.day):
        text = "There is no row."
        hint = "Upload rows with period_start, entity_id, sales and media."
        message = Message(code="no-rows", severity="error", text=text, hint=hint)
        return ValidationSummary().with_messages((message,))
    about = _about(columns)
    messages = list(row_messages(columns, config))
    if any(message.severity == "error" and message.code in _NO_PANEL for message in messages):
        return about.with_messages(messages)
    try:
        panel = panel_of(cells, config)
        span = span_of(panel, config)
    except (BadConfig, InsufficientData) as error:
        code = "no-sales" if isinstance(error, InsufficientData) else "no-panel"
        return about.with_messages((*messages, _refusal(code, error)))
    messages += sales_messages(panel, config)
    messages += media_messages(panel)
    messages += model_messages(panel, span, config)
    return _with_panel(about, panel, config).with_messages(messages)


_NO_PANEL = {"unknown-grain", "mixed-grain", "irregular-dates", "week-53"}


def require_valid(summary: ValidationSummary) -> None:
    """Raise `InsufficientData` that names the first errors, if there are any."""
    if summary.is_valid:
        return
    first = summary.errors[0]
    more = len(summary.errors) - 1
    told = (
        f" There {'is 1 more error' if more == 1 else f'are {more} more errors'}." if more else ""
    )
    raise InsufficientData(
        f"{first.text}{told}",
        hint=first.hint or None,
        errors=[message.model_dump(mode="json") for message in summary.errors],
    )


def _refusal(code: str, error: VibesError) -> Message:
    return Message(code=code, severity="error", text=error.detail, hint=error.hint or "")


def _about(columns: Columns) -> ValidationSummary:
    names = ("sales", *columns.roles.media, *columns.roles.controls)
    return ValidationSummary(
        rows=int(columns.values["rows"].sum()),
        entities=len(columns.entities),
        first=day_of(columns.day.min()),
        last=day_of(columns.day.max()),
        channels=columns.roles.channels,
        controls=tuple(columns.roles.controls),
        missing={name: 1 - float(is_known(columns.values[name]).mean()) for name in names},
    )


def _with_panel(
    about: ValidationSummary, panel: Panel, config: MarketingMixConfig
) -> ValidationSummary:
    return about.model_copy(
        update={
            "periods": int(panel.observed.any(axis=0).sum()),
            "grain": panel.grain,
            "first": day_of(panel.days[0]),
            "last": day_of(panel.days[-1]),
            "carry_in": panel.carry_in,
            "aggregation": dict(panel.rules),
            "parameters": parameters_of(panel, config),
        }
    )


def _ignored(present: tuple[str, ...], roles: Roles) -> Iterator[Message]:
    used = {roles.target, *roles.media, *roles.controls, *(c.name for c in SCHEMA.columns)}
    left = [name for name in present if name not in used]
    if left:
        is_media = any(word in name for name in left for word in _MEDIA_WORDS)
        yield Message(
            code="unused-columns",
            severity="warning" if is_media else "note",
            text=f"{listed(left)}: not used.",
            hint="Begin names with act_, spend_ or ctrl_, or list them in drivers or controls.",
            columns=tuple(left),
        )
