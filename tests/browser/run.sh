#!/usr/bin/env bash
# The playground in a real browser: installs the two packages and, where apt can, Chromium; starts
# `hyfunc serve` on a free port, waits until it is ready, runs the tests, stops the server.
#
#   tests/browser/run.sh [options of `node --test`, or files]
#
# HYFUNC_URL=http://host:port   test a server that runs already
# HYFUNC_BIN=path               test this binary instead of building one
# HYFUNC_TEST_SHOTS=folder      where the pictures of every page and state go
# CHROMIUM=path                 the browser, if it is not /usr/bin/chromium
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}
export CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
export HYFUNC_TEST_SHOTS=${HYFUNC_TEST_SHOTS:-$cache/browser-shots}
ready_s_max=120

if ! command -v npm >/dev/null; then
    echo "npm is missing: install Node.js 20 or newer, which brings it"
    exit 1
fi

install_chromium() {
    local apt=(apt-get)
    if ! command -v apt-get >/dev/null; then
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        apt=(sudo -n apt-get)
    fi
    "${apt[@]}" update -qq &&
        DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y -qq --no-install-recommends \
            chromium fonts-dejavu-core >/dev/null
}

if [ ! -x "$CHROMIUM" ] && ! install_chromium; then
    echo "there is no browser at $CHROMIUM: install Chromium, or name one with CHROMIUM=path"
    exit 1
fi

if ! cmp -s "$here/package-lock.json" "$here/node_modules/.lock"; then
    npm ci --prefix "$here" --no-audit --no-fund --loglevel=error
    cp "$here/package-lock.json" "$here/node_modules/.lock"
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
    node -e 'fetch(process.argv[1]).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))' "$1/readyz"
}

start() {
    local bin=${HYFUNC_BIN:-} target=${CARGO_TARGET_DIR:-$cache/target}
    if [ -z "$bin" ]; then
        (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --bin hyfunc)
        bin=$target/release/hyfunc
    fi
    local port
    port=$(node -e 'const server = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(server.address().port); server.close(); })')
    export HYFUNC_URL=http://127.0.0.1:$port
    (cd "$work" && exec "$bin" serve --address "127.0.0.1:$port") >"$work/server.log" 2>&1 </dev/null &
    server=$!
    local waited=0
    until is_ready "$HYFUNC_URL"; do
        if ! kill -0 "$server" 2>/dev/null || [ "$waited" -ge "$ready_s_max" ]; then
            echo "the server was not ready:"
            cat "$work/server.log"
            exit 1
        fi
        sleep 1
        waited=$((waited + 1))
    done
}

if [ -z "${HYFUNC_URL:-}" ]; then
    start
fi

mkdir -p "$HYFUNC_TEST_SHOTS"
outcome=0
(cd "$here" && node --test --test-concurrency=1 --test-timeout=120000 --test-reporter=spec "$@") || outcome=$?
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
echo "pictures: $HYFUNC_TEST_SHOTS"
exit "$outcome"
