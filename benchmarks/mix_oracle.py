"""Let PyMC-Marketing say what a test holds us to: `python -m benchmarks.mix_oracle FILE.json`.

A brand of 104 weeks and three channels, our priors where both can say them, and long chains. The
file holds the data, what they were fitted with, and the posterior: numbers to compare with, which
are made again by the same command.
"""

import json
import sys
from pathlib import Path

from benchmarks.mix import PINS, Size, fit
from benchmarks.mix_worlds import brand

SIZE = Size(weeks=104, channels=3, draws=5000)


def main() -> int:
    """Fit once and write the file."""
    world = brand(7, weeks=SIZE.weeks, channels=SIZE.channels)
    found = fit("peer-same", [world], SIZE)
    fitted, after = found["fits"][0], found["after"]
    told = {
        "made_by": "python -m benchmarks.mix_oracle",
        "with": list(PINS),
        "chains": f"4 of {SIZE.draws}, seed 1",
        "window": [SIZE.weeks // 3, 2 * SIZE.weeks // 3],
        "brand": world.asked(),
        "brought": {name: fitted[name] for name in ("mean", "low", "high")},
        "effective": fitted["ess_brought"],
        "r_hat": fitted["r_hat"],
        "roas": after["roas"],
    }
    text = json.dumps(told, indent=None, separators=(",", ":"))
    Path(sys.argv[1]).write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
