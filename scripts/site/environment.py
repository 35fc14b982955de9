"""Every setting of the environment, and every problem that a surface may report."""

from pathlib import Path

from pymc_vibes.core.errors import VibesError, problems
from pymc_vibes.settings import Settings, variables
from scripts.site.fields import bounds_of, value_of
from scripts.site.markdown import code, definition, heading, noted, page, plain

_SETTINGS = (
    "Each is a variable of the environment, or a line of a file `.env` in the folder where you "
    "start things; a real variable wins. `vibes doctor` shows which are set, secrets masked."
)
_PROBLEMS = (
    "Every error is one of these. Over HTTP it is a problem document (RFC 9457) whose `type` is "
    "`/problems/` and the name; on the terminal it is a sentence and an exit code. "
    "A server has a page for each at its `/problems`."
)


def settings_page() -> str:
    """Write the page of all settings."""
    schema = Settings.model_json_schema(by_alias=False)
    known = schema.get("$defs", {})
    told = []
    for name, field in schema["properties"].items():
        first, *others = variables(name)
        bounds = bounds_of(field)
        meaning = plain(field.get("description", ""))
        also = f"also read: {', '.join(map(code, others))}" if others else ""
        facts = (value_of(field, known), _default(name))
        told.append(definition(code(first), facts, noted(meaning, bounds, also)))
    return page(heading("Settings"), _SETTINGS, *told)


def _default(name: str) -> str:
    """Write a default; a place in the home of whoever builds the site is one in anybody's."""
    default = Settings.model_fields[name].get_default(call_default_factory=True)
    if isinstance(default, Path):
        return f"default {code(f'~/{default.relative_to(Path.home()).as_posix()}')}"
    return "" if default in (None, "", ()) else f"default {code(default)}"


def problem_page() -> str:
    """Write the page of all problems."""
    parts = [part for problem in problems() for part in _problem(problem)]
    return page(heading("Problems"), _PROBLEMS, *parts)


def _problem(problem: type[VibesError]) -> tuple[str, str, str]:
    _, _, more = (problem.__doc__ or "").strip().partition("\n")
    above = [cls.slug() for cls in problem.__mro__[1:] if issubclass(cls, VibesError)]
    kin = f" It is a kind of [{above[0]}](#{above[0]})." if above else ""
    return (
        heading(problem.slug(), 2),
        f"{problem.title()}. HTTP status {problem.status}, exit code {problem.exit_code}.{kin}",
        plain(more),
    )
