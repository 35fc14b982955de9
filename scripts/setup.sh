#!/usr/bin/env bash
# Create .venv from the lock: finds uv, or installs a private one into .bootstrap/ with any Python 3.
# Touches nothing outside this folder but uv's own cache.
set -euo pipefail
cd "$(dirname "$0")/.."

uv_minimum=0.9.17 # the first release that reads `exclude-newer = "1 week"`

works() { # a pyenv shim can be on the PATH and still not run, so ask for the version
  local version
  version=$("$1" --version 2>/dev/null | cut -d' ' -f2) && [ -n "$version" ] &&
    printf '%s\n%s\n' "$uv_minimum" "$version" | sort -C -V
}

find_uv() {
  local candidate
  for candidate in uv .bootstrap/bin/uv "$HOME/.local/bin/uv"; do
    if works "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

find_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11 /usr/bin/python3 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

bootstrap_uv() {
  local python
  python=$(find_python) || return 1
  echo "Installing uv into .bootstrap/" >&2
  rm -rf .bootstrap
  # a virtual environment needs ensurepip, which Debian splits off; --target needs only pip
  if ! { "$python" -m venv .bootstrap && .bootstrap/bin/python -m pip install --quiet uv; } >&2; then
    rm -rf .bootstrap
    "$python" -m pip install --quiet --target .bootstrap uv >&2 || return 1
  fi
  works .bootstrap/bin/uv
}

if ! uv=$(find_uv); then
  if ! bootstrap_uv; then
    echo "make setup: uv $uv_minimum or newer is not here and could not be installed with pip." >&2
    echo "Install uv (https://docs.astral.sh/uv) or Python's pip, then run this again." >&2
    exit 1
  fi
  uv=.bootstrap/bin/uv
fi

# An installed Python that is good enough is used before the pinned one is downloaded.
if ! "$uv" python find --no-python-downloads >/dev/null 2>&1 &&
  python=$("$uv" python find --no-project --no-config --no-python-downloads '>=3.12' 2>/dev/null); then
  export UV_PYTHON="$python"
fi

UV_COMPILE_BYTECODE=1 "$uv" sync --frozen --all-extras
