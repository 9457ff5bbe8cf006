#!/usr/bin/env bash
# The running binary under load for a while: 80 % of what it can do with hostile requests among
# them, then 300 %. Prints a table; fails only where an answer is wrong, never for being slow.
#
#   tests/soak/run.sh [--minutes 0.5] [--overload-seconds 10] [--clients 512]
#
# HYFUNC_BIN=path       test this binary instead of building one
# HYFUNC_CACHE=folder   where the build is kept
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}

bin=${HYFUNC_BIN:-}
if [ -z "$bin" ]; then
    target=${CARGO_TARGET_DIR:-$cache/target}
    (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --bin hyfunc)
    bin=$target/release/hyfunc
fi
exec python3 "$here/soak.py" "$bin" "$@"
