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
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}
ready_s_max=120

venv=$cache/venv-openapi
stamp=$venv/.requirements
if ! cmp -s "$here/requirements.txt" "$stamp"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$stamp"
fi

server=
work=$(mktemp -d)
stop() {
    if [ -n "$server" ] && kill -0 "$server" 2>/dev/null; then
        kill -TERM "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap stop EXIT

is_ready() {
    "$venv/bin/python" - "$1/readyz" <<'PY' 2>/dev/null
import sys, urllib.request
sys.exit(urllib.request.urlopen(sys.argv[1], timeout=2).status != 200)
PY
}

if [ -z "${HYFUNC_URL:-}" ]; then
    bin=${HYFUNC_BIN:-}
    if [ -z "$bin" ]; then
        target=${CARGO_TARGET_DIR:-$cache/target}
        (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --bin hyfunc)
        bin=$target/release/hyfunc
    fi
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    HYFUNC_URL=http://127.0.0.1:$port
    (cd "$work" && exec "$bin" serve --address "127.0.0.1:$port") >"$work/server.log" 2>&1 </dev/null &
    server=$!
    waited=0
    until is_ready "$HYFUNC_URL"; do
        if ! kill -0 "$server" 2>/dev/null; then
            echo "the server ended before it was ready:"
            cat "$work/server.log"
            exit 1
        fi
        if [ "$waited" -ge "$ready_s_max" ]; then
            echo "the server was not ready within $ready_s_max s:"
            cat "$work/server.log"
            exit 1
        fi
        sleep 1
        waited=$((waited + 1))
    done
fi

outcome=0
# It writes what it remembers into the folder that it runs in.
(cd "$work" && "$venv/bin/schemathesis" --config-file "$here/schemathesis.toml" \
    run "$HYFUNC_URL/openapi.json" --no-color "$@") || outcome=$?
if [ -n "$server" ]; then
    if ! kill -0 "$server" 2>/dev/null; then
        echo "the server ended during the tests"
        outcome=1
    fi
    if [ "$outcome" -ne 0 ]; then
        echo "the server's last lines:"
        tail -n 50 "$work/server.log"
    fi
fi
exit "$outcome"
