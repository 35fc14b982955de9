"""The ledger's tables in PostgreSQL, made before anybody needs them.

A ledger that is a file is made by whoever mirrors the first run, and an MLflow server takes care of
its own, so that only a shared database is left.
"""

import logging
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import NotInitialized
from pymc_vibes.settings import is_address, masked
from pymc_vibes.store.provision import provide_database
from pymc_vibes.store.reach import newest_ledger_revision, reach_server, read_ledger

if TYPE_CHECKING:
    from pymc_vibes.settings import Settings


def prepare_ledger(settings: "Settings") -> tuple[str, ...]:
    """Make the MLflow store where it is missing, and say in words what was done."""
    place = settings.ledger_place
    if not settings.has_ledger:
        return ("ledger: off",)
    if place.startswith(("http://", "https://")):
        reach_server(place, "/health", "VIBES_LEDGER")
        return (f"ledger: {masked(place)} answers",)
    if not is_address(place):
        return (f"ledger: {place}, made when the first run is mirrored",)
    database = f"ledger: {provide_database(place)}"
    try:
        revision = read_ledger(place).revision
    except NotInitialized:
        _make_tables(settings)
        return (database, "ledger: made the tables of MLflow")
    wanted = newest_ledger_revision()
    if wanted not in {None, revision}:
        raise NotInitialized(
            f"The ledger has the tables of another release of MLflow ({revision}).",
            hint="Make a copy of it, then bring it up: mlflow db upgrade ADDRESS",
        )
    return (database, "ledger: the tables of MLflow are already there")


def _make_tables(settings: "Settings") -> None:
    from pymc_vibes.store.ledger import Ledger

    # it would tell of every step of dozens
    logging.disable(logging.INFO)
    try:
        Ledger(settings).check()
    finally:
        logging.disable(logging.NOTSET)
