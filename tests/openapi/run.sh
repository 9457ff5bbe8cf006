#!/usr/bin/env bash
# schemathesis against the running binary: makes a virtual environment, starts `hyfunc serve` on a
# free port, waits until it is ready, sends what /openapi.json describes and what it forbids, and
# checks every answer; stops the server. Then the same, shorter, with keys: as somebody who may call
# and read, and on the admin listener as somebody who may publish and approve. `schemathesis.toml`
# beside this file says what is asked; all ends within five minutes, and asks the same each time.
#
#   tests/openapi/run.sh [options of `schemathesis run`]
#
# HYFUNC_URL=http://host:port   test a server that runs already, without keys
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
# ask OPTION…: one run. It writes what it remembers into the folder that it runs in.
ask() {
    (cd "$work" && PYTHONPATH=$here SCHEMATHESIS_HOOKS=components \
        PYTHONDONTWRITEBYTECODE=1 "$venv/bin/schemathesis" --config-file "$here/schemathesis.toml" \
        run "$HYFUNC_URL/openapi.json" --no-color "$@") || outcome=$?
}

ask --exclude-tag Plugins "$@"
# Of a server that runs already nobody here knows a key, nor where its admin listener is.
if [ -z "$server" ] || [ "$outcome" -ne 0 ]; then
    end_suite "$outcome"
fi
if ! stop_gateway; then
    echo "the server ended during the tests; its last lines:"
    tail -n 50 "$work/server.log"
    exit 1
fi

keys=$work/keys.toml
caller=$("$bin" key create caller --file "$keys" --role call --role read)
publisher=$("$bin" key create publisher --file "$keys" --role admin)
start_gateway --keys "$keys" --set admin.address=127.0.0.1:0 --set library.dir="$work/library"
admin=$(sed -n 's/^plugins are published to \(http[^ ]*\) .*/\1/p' "$work/server.log")
short=(--max-time 45 --max-examples 15)
ask --exclude-tag Plugins "${short[@]}" --header "Authorization: Bearer $caller" "$@"
ask --include-tag Plugins "${short[@]}" --header "Authorization: Bearer $publisher" --url "$admin" "$@"
end_suite "$outcome"
