"""What a sampled posterior shows of its sampler: a line per parameter, traces and ranks."""

from collections.abc import Collection
from math import isfinite
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Table
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.stats.chains import measure
from pymc_vibes.stats.sampler_figures import trace_and_ranks

if TYPE_CHECKING:
    import numpy as np

_FEW = 50  # labels of a variable that are listed: thousands of rates are judged, not printed
_DRAWN = 3  # labels of a variable that get pictures
_COLUMNS = ("parameter", "mean", "sd", "R-hat", "bulk ESS", "tail ESS")


def parameter_tables(posterior: Posterior) -> tuple[Table, ...]:
    """List every parameter that all labels share, and the labels where they are few."""
    if posterior.samples is None:
        return ()
    rows = [
        (name, *(float(x) if isfinite(x) else None for x in numbers))
        for variable in posterior.variables
        if len(variable.labels) <= _FEW
        for name, *numbers in _lines(variable, _values(posterior, variable))
    ]
    listed = sum(len(variable.labels) for variable in posterior.variables)
    title = "Parameters as they were sampled"
    return (
        Table(name="parameters", title=title, columns=_COLUMNS, rows=tuple(rows), total=listed),
    )


def chain_figures(posterior: Posterior, only: Collection[str] = ()) -> tuple[Figure, ...]:
    """Draw traces and ranks of the parameters that all labels share, and of short variables.

    `only` names the variables that are drawn, if not all.
    """
    if posterior.samples is None:
        return ()
    pairs = (
        trace_and_ranks(
            variable.name if len(variable.labels) == 1 else f"{variable.name}_{index + 1}",
            values[:, :, index],
            label=_name(variable, label),
            unit=variable.unit,
        )
        for variable in posterior.variables
        if variable.dim is None or len(variable.labels) <= _DRAWN
        if not only or variable.name in only
        for values in (_values(posterior, variable),)
        for index, label in enumerate(variable.labels)
    )
    return tuple(figure for pair in pairs for figure in pair)


def _values(posterior: Posterior, variable: Variable) -> "np.ndarray":
    """Give the chains of a variable, `(chain, draw, label)`."""
    if posterior.samples is None:
        raise TypeError("a sampled posterior has its chains")
    values: np.ndarray = posterior.samples["posterior"][variable.name].to_numpy()
    return values.reshape(*values.shape[:2], -1)


def _lines(variable: Variable, values: "np.ndarray") -> "list[tuple[Any, ...]]":
    numbers = (values.mean((0, 1)), values.std((0, 1)), *measure(values))
    names = (_name(variable, label) for label in variable.labels)
    return list(zip(names, *numbers, strict=True))


def _name(variable: Variable, label: str) -> str:
    return variable.name if variable.dim is None else f"{variable.name}[{label}]"
