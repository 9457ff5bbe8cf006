#!/usr/bin/env bash
# Tests of the running binary with the clients that people use from JavaScript, `openai` and the AI
# SDK: installs them beside the tests, starts `hyfunc serve` on a free port, waits until it is
# ready, runs Node's test runner, stops the server.
#
#   tests/node/run.sh [options of `node --test`]
#
# HYFUNC_URL=http://host:port   test a server that runs already
# HYFUNC_BIN=path               test this binary instead of building one
# HYFUNC_CACHE=folder           where the build is kept
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}
node_major_min=22
ready_s_max=120

if ! command -v npm >/dev/null; then
    echo "npm is missing: install Node.js, which brings it"
    exit 1
fi
# The clients need a newer Node.js than some systems have; npm has that as a package.
node=(node)
if [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -lt "$node_major_min" ]; then
    node=(npm exec --yes --package "node@$node_major_min" -- node)
fi
stamp=$here/node_modules/.package-lock-installed.json
if ! cmp -s "$here/package-lock.json" "$stamp"; then
    npm --prefix "$here" ci --no-audit --no-fund --loglevel=error
    cp "$here/package-lock.json" "$stamp"
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
    python3 - "$1/readyz" <<'PY' 2>/dev/null
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
    export HYFUNC_URL=http://127.0.0.1:$port
    (cd "$work" && exec "$bin" serve --address "127.0.0.1:$port") >"$work/server.log" 2>&1 </dev/null &
    server=$!
    waited=0
    until is_ready "$HYFUNC_URL"; do
        if ! kill -0 "$server" 2>/dev/null || [ "$waited" -ge "$ready_s_max" ]; then
            echo "the server was not ready:"
            cat "$work/server.log"
            exit 1
        fi
        sleep 1
        waited=$((waited + 1))
    done
fi

outcome=0
(cd "$here" && "${node[@]}" --test --test-reporter=spec "$@") </dev/null || outcome=$?
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
