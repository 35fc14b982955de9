"""Let `python -m pymc_vibes.cli` run the command line."""

from pymc_vibes.cli import main

main()
