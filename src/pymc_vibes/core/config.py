"""What a kind can be told: settings that describe themselves.

Every field is made with `setting`, so that it carries a description, bounds and, where it has one,
a unit. Commands, forms, OpenAPI and docs are derived from that and from nothing else.
Alternatives are discriminated unions on a `kind` literal, never flags.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.forms import NOT_A_RECORD, Choice, choice_at
from pymc_vibes.core.records import Record


def setting(default: Any = ..., about: str = "", *, unit: str | None = None, **bounds: Any) -> Any:
    """Declare one config field with its description, bounds (`ge`, `le`, ...) and unit."""
    extra: Any = {"unit": unit} if unit else None  # pydantic's JSON type is invariant
    return Field(
        default, description=about, json_schema_extra=extra, validate_default=True, **bounds
    )


def _tell_also(schema: dict[str, Any], model: "type[Config]") -> None:
    if model.also:
        schema["x-also"] = list(model.also)


class Config(Record):
    """Settings shared by every kind."""

    model_config = ConfigDict(json_schema_extra=_tell_also)

    also: ClassVar[tuple[str, ...]] = ()
    """Names that are understood beside those of the fields."""

    level: float = setting(
        0.95, "Probability mass of every interval, and the bar for a claim.", ge=0.5, le=0.999
    )
    seed: int = setting(42, "Seed of everything random in the answer.", ge=0, le=2**63 - 1)
    draws: int = setting(
        5000, "Draws where the answer needs them (figures, samples).", ge=1, le=50_000
    )

    @classmethod
    def merged(cls, stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Lay settings that are given over stored ones, whose names are those of the fields."""
        return {**stored, **given}


class SampledConfig(Config):
    """Settings shared by kinds that may need a sampler."""

    engine: Literal["auto", "nuts"] = setting(
        "auto",
        "How the posterior is computed: exactly or by quadrature where that can be had, or always "
        "by the No-U-Turn sampler (NUTS).",
    )
    tune: int = setting(1000, "Steps of adaptation of each chain.", ge=50, le=20_000)
    chains: int = setting(4, "Chains of the sampler.", ge=2, le=16)
    target_accept: float = setting(
        0.9, "Acceptance rate that the sampler's step size aims at.", ge=0.5, le=0.999
    )


class GivenScale(Record):
    """The priors' unit and zero are given, so that they do not look at the data."""

    kind: Literal["given"] = setting("given", "Center and spread are known beforehand.")
    center: float = setting(
        ..., "A level that would not surprise, in the outcome's unit.", ge=-1e15, le=1e15
    )
    spread: float = setting(
        ..., "Guess of the sd of a day, in the outcome's unit.", gt=1e-15, le=1e15
    )
    weight: float = setting(
        2.0, "How many days that guess of the sd is worth.", unit="days", ge=1, le=10_000
    )


class Parameters(Record):
    """Parameters of a query; fields are declared with `setting`."""


def parse[R: Record](model: type[R], values: Any) -> R:
    """Build `model` from JSON-like values, or raise `BadConfig` naming each wrong field."""
    try:
        return TypeAdapter(model).validate_python(values)
    except ValidationError as error:
        raise _refusal(model, error.errors(include_url=False, include_context=False)) from error


def _refusal(model: type[Record], errors: Sequence[Any]) -> BadConfig:
    choices = [_choice(model, e) for e in errors]
    fields = [
        {
            "field": ".".join(str(part) for part in e["loc"]) or "(all)",
            "reason": _reason(e, choice),
        }
        for e, choice in zip(errors, choices, strict=True)
    ]
    told = "; ".join(f"{f['field']}: {f['reason']}" for f in fields[:5])
    detail = told.removeprefix("(all): ")  # settings that do not fit together: no one is wrong
    detail = detail if detail == told else f"{detail[:1].upper()}{detail[1:]}"
    wrong = {field["field"].partition(".")[0] for field in fields}
    ways = [c.way(e["input"]) for e, c in zip(errors, choices, strict=True) if c is not None]
    return BadConfig(
        f"{detail}.", hint=" ".join(filter(None, [*ways[:1], _hint(model, wrong)])), fields=fields
    )


def _choice(model: type[Record], error: Any) -> Choice | None:
    """Give how the setting is written, where the error is that it is not written as a record."""
    if error["type"] not in NOT_A_RECORD:
        return None
    return choice_at(model.model_json_schema(), error["loc"])


def _hint(model: type[Record], wrong: set[str]) -> str:
    """Say what the wrong settings mean; every one there is where a name is not among them."""
    if not wrong <= model.model_fields.keys():
        return f"The settings are: {', '.join(model.model_fields)}."
    told = ((name, info.description) for name, info in model.model_fields.items() if name in wrong)
    return " ".join(f"{name}: {about or 'see the reference.'}" for name, about in told)


def _reason(error: Any, choice: Choice | None) -> str:
    message = choice.reason if choice else str(error["msg"]).removeprefix("Value error, ")
    message = message[0].lower() + message[1:] if message else "is not valid"
    given = error.get("input")
    simple = isinstance(given, str | int | float | bool | date | datetime) or given is None
    return f"{message} (given {str(given)[:80]!r})" if simple and "msg" in error else message
