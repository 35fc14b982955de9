"""A figure of an answer: its declaration with a finding as title, and a sentence beside it.

Four drawers read the same declaration: browser, terminal, PNG and SVG, and notebook.
"""

from typing import Any

from pydantic import Field

from pymc_vibes.core.marks import (
    MAX_VALUES,
    READS,
    Axis,
    FigureSpec,
    Mark,
    Name,
    Value,
    rounded,
)
from pymc_vibes.core.records import Record
from pymc_vibes.core.vega import to_vega_lite

__all__ = [
    "MAX_VALUES",
    "READS",
    "Axis",
    "Figure",
    "FigureSpec",
    "Mark",
    "Name",
    "Value",
    "rounded",
]


class Figure(Record):
    """A picture with its finding as title and a sentence for those who do not see it."""

    name: Name
    title: str = Field(min_length=1)
    alt: str = Field(min_length=1)
    spec: FigureSpec

    def vega_lite(self, *, dark: bool = False) -> dict[str, Any]:
        """Give the figure as a Vega-Lite 6 specification that holds all its data."""
        return to_vega_lite(self.spec, title=self.title, alt=self.alt, dark=dark)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Give what a notebook shows: the picture, and the sentence where there is none."""
        del include, exclude  # the notebook picks from what it is given
        return {
            "application/vnd.vegalite.v6+json": self.vega_lite(),
            "text/plain": f"{self.title}\n{self.alt}",
        }
