"""The coin among the kinds, by the way that kinds of other packages take: an entry point."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pymc_vibes.http import schema
from pymc_vibes.kinds import catalog

ROOT = Path(__file__).parents[2]
TOSSES = "group,outcome\n" + "".join(f"coin,{number % 2}\n" for number in range(40))


@dataclass(frozen=True)
class Gate:
    """What the coin waits for, half-way."""

    file: Path
    packages: Path

    def open(self) -> None:
        """Let every coin fall."""
        self.file.touch()

    def environment(self) -> dict[str, str]:
        """What another process needs to know the coin and its gate."""
        paths = os.pathsep.join(map(str, (self.packages, ROOT)))
        return {"PYTHONPATH": paths, "COIN_GATE": str(self.file)}


def register(folder: Path) -> None:
    """Write what an installed package of one kind leaves behind."""
    info = folder / "coin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: coin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pymc_vibes.kinds]\ncoin = tests.sampled.coin:kind\n")


def toss(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Register the coin in this process, with a closed gate."""
    packages = folder / "packages"
    register(packages)
    gate = Gate(file=folder / "gate", packages=packages)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(packages)
        patch.setenv("COIN_GATE", str(gate.file))
        _forget_kinds()
        yield gate
        gate.open()
    _forget_kinds()


def _forget_kinds() -> None:
    catalog.cache_clear()
    schema._definitions.cache_clear()  # noqa: SLF001  # it holds the kinds there were
