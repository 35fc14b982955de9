#!/bin/sh
# Rebuild the browser assets in src/pymc_vibes/http/static/vendor from the committed lock file.
# Needs node 20 or later; run it only to upgrade. The outputs are committed and ship in the wheel.
set -eu
cd "$(dirname "$0")"
npm ci --no-audit --no-fund
node build.mjs
