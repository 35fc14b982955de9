"""`python -m pymc_vibes.worker`: a worker that ends with the process that started it."""

import sys

from pymc_vibes.settings import load_settings
from pymc_vibes.worker.process import run

if __name__ == "__main__":
    sys.exit(run(load_settings(), with_parent=True))
