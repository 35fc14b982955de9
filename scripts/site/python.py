"""The public Python names: what `import pymc_vibes` gives, and what a lake can do."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel

import pymc_vibes
from pymc_vibes.service import Service
from scripts.site.markdown import block, code, heading, page, plain, table

_INTRODUCTION = (
    "`import pymc_vibes as pv` gives these names. `pv.connect()` opens a lake in this process; it "
    "may be the one that a server or the command line uses at the same time."
)
_WIDTH = 80
_MODULES = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Z])")  # before the names of classes


def python_page() -> str:
    """Write the page of all public names."""
    public = [(name, getattr(pymc_vibes, name)) for name in sorted(pymc_vibes.__all__)]
    functions = [(name, found) for name, found in public if not inspect.isclass(found)]
    functions.sort(key=lambda pair: pair[0] != "connect")  # where everybody begins
    records = [(name, found) for name, found in public if inspect.isclass(found)]
    told = [part for name, found in functions for part in _called(f"pv.{name}", found)]
    lake = [part for name, found in _methods() for part in _called(f"lake.{name}", found, 3)]
    return page(
        heading("Python"),
        _INTRODUCTION,
        *told,
        heading("The lake", 2),
        _about(Service),
        *lake,
        *(part for name, found in records for part in _record(name, found)),
    )


def _methods() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Give what a lake can do, in the order in which it is written."""
    for name, found in vars(Service).items():
        if not name.startswith("_") and inspect.isfunction(found):
            yield name, found


def _called(name: str, function: Callable[..., Any], level: int = 2) -> Iterator[str]:
    yield heading(code(name), level)
    yield block(_signature(name, function), "python")
    yield _about(function)


def _signature(name: str, function: Callable[..., Any]) -> str:
    """Write how it is called, on a line for each parameter where one line is too short."""
    given = inspect.signature(function)
    own = [one for one in given.parameters.values() if one.name != "self"]
    for width in (None, 0):
        told = given.replace(parameters=own).format(max_width=width)
        text = f"{name}{_short(told)}".replace("'", "")
        if len(text) <= _WIDTH:
            break
    return text


def _record(name: str, cls: type) -> Iterator[str]:
    yield heading(code(f"pv.{name}"), 2)
    yield _about(cls)
    fields = cls.model_fields if issubclass(cls, BaseModel) else {}
    yield table(
        ("field", "type"),
        [
            (code(one), code(_short(inspect.formatannotation(field.annotation))))
            for one, field in fields.items()
        ],
    )


def _short(text: str) -> str:
    return _MODULES.sub("", text)


def _about(found: Any) -> str:
    return "\n\n".join(plain(part) for part in (inspect.getdoc(found) or "").split("\n\n"))
