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
. "$here/../gateway.sh"
node_major_min=22

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

if [ -z "${HYFUNC_URL:-}" ]; then
    find_binary
    start_gateway
fi

outcome=0
(cd "$here" && "${node[@]}" --test --test-reporter=spec "$@") </dev/null || outcome=$?
end_suite "$outcome"
