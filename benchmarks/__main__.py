"""Run the benchmarks and print Markdown tables."""

import argparse
import sys
import warnings

from benchmarks import (
    appends,
    exact,
    hierarchies,
    http_reads,
    ingest,
    interventions,
    mix,
    mix_regions,
    runs,
    sampled,
    startup,
    window,
)
from benchmarks.report import machine, markdown

BENCHMARKS = {
    "exact": exact.run,
    "hierarchies": hierarchies.run,
    "sampled": sampled.run,
    "startup": startup.run,
    "ingest": ingest.run,
    "appends": appends.run,
    "window": window.run,
    "http": http_reads.run,
    "runs": runs.run,
    "interventions": interventions.run,
    "mix": mix.run,
    "mix-regions": mix_regions.run,
}


def main() -> int:
    """Run those named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work?")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # peers warn about each other; measurements are not tests
    print(f"Machine: {machine()}\n")
    for name in chosen.names or BENCHMARKS:
        title, rows = BENCHMARKS[name](quick=chosen.quick)
        print(markdown(title, rows), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
