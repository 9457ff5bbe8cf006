#!/usr/bin/env bash
# Our checker beside the benchmark's own, in Python: over gold answers that are spoiled in every way,
# and over what the shipped models predict for some rows of each category.
#
#   tests/bfcl/run.sh
#
# HYFUNC_BIN=path               this binary predicts, instead of one that is built
# HYFUNC_BFCL_ROWS=20           rows of each category that are predicted
# HYFUNC_CACHE=folder           where the virtual environment is kept
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../gateway.sh"

venv=$cache/venv-bfcl
# The checker needs none of the SDKs that the package asks for.
PIP_NO_DEPS=1 make_venv "$venv" "$here/requirements.txt"
export HYFUNC_PYTHON=$venv/bin/python
# Without the benchmark the tests would compare nothing, and pass.
data=$("$HYFUNC_PYTHON" -c "$(cat "$root/gateway/training/src/bfcl/official.py")" folder)

find_binary
export HYFUNC_BFCL_PREDICTIONS=$work/bfcl/predictions.jsonl
"$bin" eval bfcl --data "$data" --limit "${HYFUNC_BFCL_ROWS:-20}" --out "$work/bfcl"
[ -s "$HYFUNC_BFCL_PREDICTIONS" ]

outcome=0
# With the features of the whole workspace, so that nothing is compiled again.
(cd "$root" && CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target} \
    cargo test --release --workspace --test bfcl_checker) || outcome=$?
end_suite "$outcome"
