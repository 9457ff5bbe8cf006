#!/usr/bin/env bash
# Tests of the running binary with the real `openai` and `mcp` clients: makes a virtual
# environment, starts `hyfunc serve` on a free port, waits until it is ready, runs pytest, stops
# the server.
#
#   tests/e2e/run.sh [pytest arguments]
#
# HYFUNC_URL=http://host:port   test a server that runs already
# HYFUNC_BIN=path               test this binary instead of building one
# HYFUNC_CACHE=folder           where the virtual environment is kept
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../gateway.sh"

venv=$cache/venv
make_venv "$venv" "$here/requirements.txt"

if [ -z "${HYFUNC_URL:-}" ]; then
    find_binary
    export HYFUNC_BIN=$bin
    start_gateway
fi

outcome=0
"$venv/bin/python" -m pytest -q -p no:cacheprovider --rootdir "$here" "$here" "$@" || outcome=$?
end_suite "$outcome"
