# Sourced by suites that test a running gateway, after `set -euo pipefail`.
#
#   make_venv FOLDER FILE         a virtual environment with the packages of a file, made anew when
#                                 that changes
#   find_binary                   sets `bin`: HYFUNC_BIN, or a fresh build
#   start_gateway [OPTION…]       starts `hyfunc serve` on a free port with these options, waits until
#                                 it is ready, and sets HYFUNC_URL; it is stopped at the end
#   stop_gateway                  stops it; fails if it had ended by itself
#   end_suite OUTCOME             ends the suite; if anything was wrong, with the gateway's last lines
#
# `root` is the repository, `cache` a folder that stays, and `work` one that goes at the end, in which
# the gateway runs.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}
work=$(mktemp -d)
server=
ready_s_max=120

stop_gateway() {
    local ended=0
    if [ -n "$server" ]; then
        kill -TERM "$server" 2>/dev/null || ended=1
        wait "$server" 2>/dev/null || true
        server=
    fi
    return "$ended"
}

stop() {
    stop_gateway || true
    rm -rf "$work"
}
trap stop EXIT

make_venv() {
    local stamp=$1/.requirements
    if ! cmp -s "$2" "$stamp"; then
        rm -rf "$1"
        python3 -m venv "$1"
        "$1/bin/pip" install --quiet --disable-pip-version-check -r "$2"
        cp "$2" "$stamp"
    fi
}

find_binary() {
    bin=${HYFUNC_BIN:-}
    if [ -z "$bin" ]; then
        local target=${CARGO_TARGET_DIR:-$cache/target}
        (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --bin hyfunc)
        bin=$target/release/hyfunc
    fi
}

# address_in LOG: where the gateway says that it listens, once it does.
address_in() {
    sed -n 's/^hyfunc listens on \(http[^ ]*\): open.*/\1/p' "$1" | grep .
}

is_ready() {
    python3 - "$1/readyz" <<'PY' 2>/dev/null
import sys, urllib.request
sys.exit(urllib.request.urlopen(sys.argv[1], timeout=30).status != 200)
PY
}

start_gateway() {
    local waited=0
    : >"$work/server.log"
    (cd "$work" && exec "$bin" serve --address 127.0.0.1:0 "$@") >"$work/server.log" 2>&1 </dev/null &
    server=$!
    until HYFUNC_URL=$(address_in "$work/server.log") && is_ready "$HYFUNC_URL"; do
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
    export HYFUNC_URL
}

end_suite() {
    local outcome=$1
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
}
