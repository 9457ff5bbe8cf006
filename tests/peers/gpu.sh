#!/usr/bin/env bash
# The cascade on a GPU beside the paper's procedure on the same GPU: same shapes, random weights, same run.
# Prints a table of each step and writes JSON and the page of `hyfunc bench gpu`. Not in CI: it needs a GPU
# (A100 or newer, driver 580), torch and transformers, 40 GB of its memory, and some minutes.
#
#   tests/peers/gpu.sh [--device cuda:0] [--functions 20,200,10000] [--reference-functions 20,200]
#                      [--concurrency 1,8,64,256] [--requests 20] [--out gpu]
#   tests/peers/gpu.sh --predict                the floors of an H200 and what is expected, nothing is run
#
# HYFUNC_BIN=path       measure this binary (built with `--features cuda`) instead of building one
# HYFUNC_CACHE=folder   where builds are kept
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}

bin=${HYFUNC_BIN:-}
case " $* " in
*" --predict "* | *" --help "* | *" -h "* | *" --hyfunc "*) bin=${bin:-none} ;;
esac
if [ -z "$bin" ]; then
    target=${CARGO_TARGET_DIR:-$cache/target}
    command -v nvcc >/dev/null || eval "$("$root/deploy/cuda-toolkit.sh" "$cache/cuda")"
    (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --features cuda --bin hyfunc)
    bin=$target/release/hyfunc
fi
exec python3 "$here/gpu.py" "$bin" "$@"
