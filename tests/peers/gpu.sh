#!/usr/bin/env bash
# The cascade on a GPU beside the paper's procedure on the same GPU: same shapes, random weights, same run.
# Prints a table of each step and which aims are met, and writes JSON and the page of `hyfunc bench gpu`. Not
# in CI: it needs a GPU (A100 or newer, driver 580), torch and transformers, 40 GB of its memory, and some
# minutes. With --all everything that needs a GPU comes first: each kernel beside its truth, tables of kernels
# and of forwards beside their floors, compute-sanitizer (memcheck, racecheck), checkpoints beside the CPU.
# What fails is named at the end, and the rest still runs; logs are in gpu-tests.
#
#   tests/peers/gpu.sh --all [OPTIONS]
#   tests/peers/gpu.sh [--device cuda:0] [--functions 20,200,10000] [--reference-functions 20,200]
#                      [--concurrency 1,8,64,256] [--requests 20] [--out gpu]
#   tests/peers/gpu.sh --predict                the floors of an H200 and what is expected, nothing is run
#
# HYFUNC_BIN=path       measure this binary (built with `--features cuda`) instead of building one
# HYFUNC_GPU_TESTS=folder   with --all, run the test binaries in it (kernels-gpu, device-bench, device-decoder)
#                       instead of building them
# HYFUNC_CACHE=folder   where builds are kept
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}

all=
if [ "${1:-}" = --all ]; then
    all=1
    shift
fi

toolkit() {
    command -v nvcc >/dev/null || eval "$("$root/deploy/cuda-toolkit.sh" "$cache/cuda")"
}

# Builds a test binary and copies it: build_test PACKAGE TEST FILE
build_test() {
    (cd "$root" && CARGO_TARGET_DIR=$target cargo test --release -p "$1" --features cuda --test "$2" \
        --no-run --message-format=json) >"$tests/build.json"
    python3 - "$tests/build.json" "$2" "$3" <<'PYTHON'
import json, shutil, sys
lines, name, file = sys.argv[1:]
for line in open(lines):
    said = json.loads(line) if line.startswith("{") else {}
    if said.get("executable") and said.get("target", {}).get("name") == name:
        shutil.copy(said["executable"], file)
        break
else:
    sys.exit(f"gpu.sh: cargo built no test `{name}`")
PYTHON
}

verdicts=()
failed=0

# Runs a command, shows what it prints and keeps it: checked NAME COMMAND...
checked() {
    local name=$1 log verdict=ok
    shift
    log=$tests/${name//[ ,]/-}.log
    printf '== %s\n' "$name"
    if ! "$@" 2>&1 | tee "$log"; then
        verdict="FAILED, see $log"
        failed=1
    fi
    verdicts+=("$(printf '  %-28s%s' "$name" "$verdict")")
}

# Everything but the bench.
check_all() {
    local gpu=$tests/kernels-gpu sanitizer
    local alone=(--ignored --nocapture --test-threads=1)
    checked "kernels beside their truth" "$gpu" every_kernel what_does_not_fit a_gpu_tells "${alone[@]}"
    checked "kernels, sizes refused" "$gpu" --nocapture
    checked "table of floors" "$gpu" table_of_floors "${alone[@]}"
    checked "table of steps" "$gpu" table_of_steps "${alone[@]}"
    checked "checkpoints beside the CPU" "$tests/device-decoder" "${alone[@]}"
    checked "cascade on a GPU" "$tests/device-bench" "${alone[@]}"
    sanitizer=$(PATH=$PATH:/usr/local/cuda/bin:/opt/cuda/bin command -v compute-sanitizer || true)
    if [ -z "$sanitizer" ]; then
        verdicts+=("  compute-sanitizer           NOT RUN: it is not in PATH; NVIDIA's CUDA toolkit has it")
        failed=1
        return
    fi
    for tool in memcheck racecheck; do
        checked "compute-sanitizer $tool" "$sanitizer" --tool "$tool" --error-exitcode 9 \
            "$gpu" every_kernel "${alone[@]}"
    done
}

target=${CARGO_TARGET_DIR:-$cache/target}
if [ -n "$all" ]; then
    tests=${HYFUNC_GPU_TESTS:-}
    if [ -z "$tests" ]; then
        tests=$PWD/gpu-tests
        mkdir -p "$tests"
        toolkit
        build_test hyfunc-kernels gpu "$tests/kernels-gpu"
        build_test hyfunc-device bench "$tests/device-bench"
        build_test hyfunc-device decoder "$tests/device-decoder"
    fi
    for test in kernels-gpu device-bench device-decoder; do
        [ -x "$tests/$test" ] || { echo "gpu.sh: $tests/$test is no program: see HYFUNC_GPU_TESTS above" >&2; exit 1; }
    done
    check_all
fi

bin=${HYFUNC_BIN:-}
case " $* " in
*" --predict "* | *" --help "* | *" -h "* | *" --hyfunc "*) bin=${bin:-none} ;;
esac
if [ -z "$bin" ]; then
    toolkit
    (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --features cuda --bin hyfunc)
    bin=$target/release/hyfunc
fi
[ -n "$all" ] || exec python3 "$here/gpu.py" "$bin" "$@"
tests=$(cd "$tests" && pwd)
checked "bench beside the reference" python3 "$here/gpu.py" "$bin" "$@"
printf '\n== all\n'
printf '%s\n' "${verdicts[@]}"
exit "$failed"
