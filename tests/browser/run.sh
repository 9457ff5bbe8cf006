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
. "$here/../gateway.sh"
export CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
export HYFUNC_TEST_SHOTS=${HYFUNC_TEST_SHOTS:-$cache/browser-shots}

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

is_ready() {
    node -e 'fetch(process.argv[1]).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))' "$1/readyz"
}

if [ -z "${HYFUNC_URL:-}" ]; then
    find_binary
    start_gateway
fi

mkdir -p "$HYFUNC_TEST_SHOTS"
outcome=0
(cd "$here" && node --test --test-concurrency=1 --test-timeout=600000 --test-reporter=spec "$@") || outcome=$?
echo "pictures: $HYFUNC_TEST_SHOTS"
end_suite "$outcome"
