#!/usr/bin/env bash
# The conformance suite of the Model Context Protocol against the running binary, at the 2026-07-28
# revision and at the last one with sessions: starts `hyfunc serve` on a free port with the
# functions that the suite calls, runs every server scenario, stops the server.
#
#   tests/mcp/conformance.sh [options of `conformance server`, such as --verbose]
#
# expected-REVISION.yml lists the checks that do not apply, each with the reason.
#
# HYFUNC_URL=http://host:port   test a server that runs already, with plugins/fixtures/conformance
# HYFUNC_BIN=path               test this binary instead of building one
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../gateway.sh"
suite=@modelcontextprotocol/conformance@0.2.0-alpha.12

if ! command -v npx >/dev/null; then
    echo "npx is missing: install Node.js, which brings it"
    exit 1
fi
# The suite needs Node.js 22; npm has that as a package, for systems with an older one.
runtime=()
if [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -lt 22 ]; then
    runtime=(--package node@22)
fi

start() {
    find_binary
    # The bundle's build leaves every guest beside the binary, those of tests as well.
    local guest
    guest=$(dirname "$bin")/guests/wasm32-wasip2/release/hyfunc_fixture_conformance.wasm
    if [ ! -f "$guest" ]; then
        echo "$guest is missing: build the binary with cargo build --release --bin hyfunc"
        exit 1
    fi
    "$bin" plugin pack "$guest" --wit "$root/plugins/fixtures/conformance/wit" \
        -o "$work/conformance.wasm" >"$work/pack.log"
    start_gateway --plugin conformance.wasm
}

if [ -z "${HYFUNC_URL:-}" ]; then
    start
fi

failed=0
for revision in 2026-07-28 2025-11-25; do
    log=$work/$revision.log
    outcome=0
    npx --yes "${runtime[@]}" --package "$suite" conformance server --url "$HYFUNC_URL/mcp" \
        --requirements "$revision" --expected-failures "$here/expected-$revision.yml" \
        --output-dir "$work/results-$revision" "$@" >"$log" 2>&1 </dev/null || outcome=$?
    printf '\n== %s\n' "$revision"
    if grep -q '^=== SUMMARY ===' "$log"; then
        sed -n '/^=== SUMMARY ===/,$p' "$log"
    else
        tail -n 50 "$log"
    fi
    if [ "$outcome" -ne 0 ]; then
        failed=$((failed + 1))
        if [ -n "$server" ]; then
            echo "the server's last lines:"
            tail -n 20 "$work/server.log"
        fi
    fi
done
if [ -n "$server" ] && ! kill -0 "$server" 2>/dev/null; then
    echo "the server ended during the tests"
    failed=$((failed + 1))
fi
[ "$failed" -eq 0 ]
