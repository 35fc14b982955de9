"""Performance beside the named peer, in one run, on the same data: `python -m benchmarks`."""
