"""A process that writes one entry of a diary and prints it."""

import sys

from pymc_vibes.service import Service
from pymc_vibes.settings import Settings


def main(text: str) -> None:
    """Write `text` into the diary of the settings."""
    service = Service.open(Settings(), works=False)
    print(service.ask("diary", "write", {"text": text}).model_dump_json())  # noqa: T201
    service.close()


if __name__ == "__main__":
    main(sys.argv[1])
