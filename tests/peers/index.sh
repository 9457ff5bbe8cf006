#!/usr/bin/env bash
# The index beside usearch, hnswlib and faiss: the same vectors, the same run, one thread each.
# `hyfunc eval index` embeds a catalogue and its requests with the embedded models, measures its exact
# scan and its graph and writes the vectors; index.py measures the others on them, and prints what each
# takes for equal recall.
#
#   tests/peers/index.sh QUERIES CATALOGUE [options of index.py]
#
# QUERIES and CATALOGUE are files of `hyfunc eval retrieval`; `index.py --help` lists the options. Over
# 44,622 functions it takes about ten minutes. Never in CI.
#
# HYFUNC_BIN=path       measure this binary instead of building one
# HYFUNC_CACHE=folder   where the virtual environment is kept; hnswlib needs a C++ compiler, once
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}

if [ $# -lt 2 ] || [ ! -f "$1" ] || [ ! -f "$2" ]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
queries=$1
catalogue=$2
shift 2

venv=$cache/venv-peers
stamp=$venv/.requirements
if ! cmp -s "$here/requirements.txt" "$stamp"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$stamp"
fi

if [ -z "${HYFUNC_BIN:-}" ]; then
    target=${CARGO_TARGET_DIR:-$cache/target}
    (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --quiet --bin hyfunc)
    HYFUNC_BIN=$target/release/hyfunc
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$HYFUNC_BIN" eval index --queries "$queries" --catalogue "$catalogue" --threads 1 \
    --candidates 26,32,48,64,96,128,192,256,384,512,768,1024 \
    --vectors "$work" --json >"$work/ours.json"
# Whatever a library's threads are called: one.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
"$venv/bin/python" "$here/index.py" --vectors "$work" --ours "$work/ours.json" "$@"
