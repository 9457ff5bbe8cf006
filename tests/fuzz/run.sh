#!/usr/bin/env bash
# Fuzz targets, each for a short time: parsers of what strangers write, held to a property.
#
#   tests/fuzz/run.sh [TARGET…]     all of fuzz/fuzz_targets without a name
#
# FUZZ_SECONDS=10        seconds a target
# FUZZ_JOBS=2            targets at once
# FUZZ_SANITIZER=none    `address` builds with nightly and its address sanitizer; the code fuzzed has no
#                        `unsafe`, so that a panic or a broken property is what there is to find
#
# What is built, found and kept lies under CARGO_TARGET_DIR/fuzz: the corpus grows from run to run,
# and an input that fails stays in artifacts/TARGET.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
out=$CARGO_TARGET_DIR/fuzz
seconds=${FUZZ_SECONDS:-10}
jobs=${FUZZ_JOBS:-2}
sanitizer=${FUZZ_SANITIZER:-none}
# Of one input: seconds, and megabytes of memory.
input_s_max=25
memory_mb_max=2048
cd "$root"

# max_len TARGET: bytes of the longest input that is tried.
max_len() {
    case $1 in
    component | docs | schema) echo 8192 ;;
    json | oci | wit) echo 4096 ;;
    reply) echo 4200 ;;
    slot) echo 256 ;;
    *) echo 2048 ;;
    esac
}

known=$(basename -s .rs fuzz/fuzz_targets/*.rs)
targets=("$@")
if [ $# -eq 0 ]; then
    mapfile -t targets <<<"$known"
fi
for target in "${targets[@]}"; do
    if ! grep -qx -- "$target" <<<"$known"; then
        echo "there is no target \`$target\`; there are: ${known//$'\n'/, }"
        exit 2
    fi
done

# Coverage as libFuzzer reads it: what cargo-fuzz passes, without needing it.
flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
flags+=" -Ccodegen-units=1"
toolchain=()
case $sanitizer in
none) ;;
address)
    if ! rustup toolchain list | grep -q "^nightly"; then
        rustup toolchain install nightly --profile minimal
    fi
    toolchain=(+nightly)
    flags+=" -Zsanitizer=address"
    ;;
*)
    echo "FUZZ_SANITIZER is \`none\` or \`address\`, not \`$sanitizer\`"
    exit 2
    ;;
esac
if ! command -v c++ >/dev/null; then
    if [ "${CI:-}" != true ] || ! apt-get install -y -qq g++ >/dev/null; then
        echo "libFuzzer is C++, and there is no compiler for it: apt install g++"
        exit 1
    fi
fi

triple=$(rustc "${toolchain[@]}" -vV | sed -n 's/^host: //p')
mkdir -p "$out"
echo "building ${#targets[@]} targets"
# With a target named, flags are for the targets alone and not for what builds them.
RUSTFLAGS=$flags cargo "${toolchain[@]}" build --release --locked --manifest-path fuzz/Cargo.toml \
    --target "$triple" --target-dir "$out/build-$sanitizer" "${targets[@]/#/--bin=}"

# run TARGET: fuzzes it, and says in one line how that went. Its words are in log/TARGET.txt.
run() {
    local target=$1 log=$out/log/$1.txt
    local corpus=$out/corpus/$target artifacts=$out/artifacts/$target
    local folders=("$corpus" "fuzz/seeds/$target") kept=gateway/functions/tests/regressions/$target
    mkdir -p "$corpus" "$artifacts" "$out/log" "$out/tmp"
    if [ -d "$kept" ]; then
        folders+=("$kept")
    fi
    local outcome=passed
    # Nothing here is freed by hand, so leaks are not looked for: that needs ptrace.
    ASAN_OPTIONS=detect_leaks=0 TMPDIR=$out/tmp \
        "$out/build-$sanitizer/$triple/release/$target" "${folders[@]}" \
        -max_total_time="$seconds" -timeout="$input_s_max" -rss_limit_mb="$memory_mb_max" \
        -max_len="$(max_len "$target")" -artifact_prefix="$artifacts/" -print_final_stats=1 \
        >"$log" 2>&1 </dev/null || outcome=FAILED
    local runs
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf '%-10s %-7s %10s inputs\n' "$target" "$outcome" "${runs:-no}"
    if [ "$outcome" = FAILED ]; then
        grep -m 5 -E 'panicked at|^==.*ERROR|SUMMARY|Test unit written|ALARM' -A 1 "$log" || tail -n 20 "$log"
        echo "again: $out/build-$sanitizer/$triple/release/$target FILE, with a file of $artifacts"
        return 1
    fi
    # A process that was ended in the midst leaves its file.
    rm -f "$out/tmp/hyfunc-fuzz-$target-"*
}

failed=0
running=0
for target in "${targets[@]}"; do
    if [ "$running" -ge "$jobs" ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    run "$target" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit "$failed"
