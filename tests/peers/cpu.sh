#!/usr/bin/env bash
# A request by the tiny models beside the paper's procedure at the same shapes, on this CPU, in one table.
# Not in CI: it needs torch and transformers (python3 -m pip install torch transformers), and measures.
#
#   tests/peers/cpu.sh [--requests 20] [--threads N] [--json FILE]
#
# HYFUNC_BIN=path       measure this binary instead of building one
# HYFUNC_CACHE=folder   where builds are kept
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}

bin=${HYFUNC_BIN:-}
case " $* " in
*" --help "* | *" -h "* | *" --hyfunc "*) bin=${bin:-none} ;;
esac
if [ -z "$bin" ]; then
    target=${CARGO_TARGET_DIR:-$cache/target}
    (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --bin hyfunc)
    bin=$target/release/hyfunc
fi
exec python3 "$here/cpu.py" "$bin" "$@"
