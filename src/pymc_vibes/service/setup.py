"""Everything that the settings need, made where it is missing; safe to repeat."""

from collections.abc import Iterator

from pymc_vibes.settings import Settings, is_address


def prepare_stores(settings: Settings) -> Iterator[str]:
    """Make lake, artifacts, run table and ledger, and say in words what was done, step by step."""
    from pymc_vibes.store.artifacts import prepare_artifacts
    from pymc_vibes.store.lake import prepare_lake
    from pymc_vibes.store.ledger_setup import prepare_ledger
    from pymc_vibes.store.queue import prepare_queue

    settings.home.mkdir(parents=True, exist_ok=True)
    for prepare in (prepare_lake, prepare_artifacts, prepare_queue, prepare_ledger):
        yield from prepare(settings)


def check_stores(settings: Settings) -> None:
    """Raise `NotInitialized` where stores that are elsewhere were not set up yet."""
    from pymc_vibes.service.service import Service

    places = (settings.catalog_place, settings.data_place, settings.queue_place)
    if any(is_address(place) for place in (*places, settings.artifacts_place)):
        Service.open(settings, works=False).close()
