#!/usr/bin/env bash
# The running binary under load for a while: 80 % of what it can do, with hostile requests among the
# healthy ones and a plugin that is replaced again and again, then 300 %. Prints one table. Fails
# where a healthy request is not answered, where an answer is wrong and where memory grows, never
# for being slow.
#
#   tests/soak/run.sh                 30 minutes at 80 %, one at 300 %
#   tests/soak/run.sh --minutes 3     a short form of it
#   tests/soak/run.sh --help
#
# HYFUNC_BIN=path       test this binary instead of building one
# HYFUNC_CACHE=folder   where the build is kept
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}

bin=${HYFUNC_BIN:-}
if [ -z "$bin" ] && [[ " $* " != *" --help "* ]]; then
    target=${CARGO_TARGET_DIR:-$cache/target}
    (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --bin hyfunc)
    bin=$target/release/hyfunc
fi
exec python3 "$here/soak.py" "${bin:-hyfunc}" "$@"
