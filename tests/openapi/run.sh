#!/usr/bin/env bash
# schemathesis against the running binary: makes a virtual environment, starts `hyfunc serve` on a
# free port, waits until it is ready, sends what /openapi.json describes and what it forbids, and
# checks every answer; stops the server. `schemathesis.toml` beside this file says what is asked; it
# ends within three minutes, and asks the same each time.
#
#   tests/openapi/run.sh [options of `schemathesis run`]
#
# HYFUNC_URL=http://host:port   test a server that runs already
# HYFUNC_BIN=path               test this binary instead of building one
# HYFUNC_CACHE=folder           where the virtual environment is kept
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../gateway.sh"

venv=$cache/venv-openapi
make_venv "$venv" "$here/requirements.txt"

if [ -z "${HYFUNC_URL:-}" ]; then
    find_binary
    start_gateway
fi

outcome=0
# It writes what it remembers into the folder that it runs in.
(cd "$work" && "$venv/bin/schemathesis" --config-file "$here/schemathesis.toml" \
    run "$HYFUNC_URL/openapi.json" --no-color "$@") || outcome=$?
end_suite "$outcome"
