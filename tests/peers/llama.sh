#!/usr/bin/env bash
# One call by hyfunc's stock preset beside the same call by llama.cpp, grammar-constrained, with the same
# weights from the same file. Prints what is predicted, then what was measured, and writes JSON.
# Not in CI: it takes some minutes, and the machine to itself.
#
#   tests/peers/llama.sh [--shape qwen3-0.6b|small] [--requests 10] [--threads N] [--json FILE]
#
# HYFUNC_BIN=path       measure this binary instead of building one
# HYFUNC_CACHE=folder   where builds, the Python packages and the checkpoint are kept (4 GB)
# LLAMA_WHEEL=path      a wheel of llama-cpp-python, where one is at hand
#
# PyPI has llama-cpp-python as sources alone, which build llama.cpp for this processor: that takes a C++
# compiler, CMake (fetched by pip) and some minutes, once. A wheel built elsewhere must be for the same
# processor, or the comparison says nothing.
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
venv=$cache/peers/venv
if ! "$venv/bin/python" -c 'import numpy, gguf, llama_cpp' 2>/dev/null; then
    python3 -m venv "$venv"
    if [ -n "${LLAMA_WHEEL:-}" ]; then
        "$venv/bin/pip" install -q numpy gguf "$LLAMA_WHEEL"
    else
        command -v c++ >/dev/null || {
            echo "llama.sh: no C++ compiler, with which llama.cpp is built: install g++, or set LLAMA_WHEEL" >&2
            exit 1
        }
        CMAKE_ARGS=${CMAKE_ARGS:--DGGML_NATIVE=ON} "$venv/bin/pip" install -q -r "$here/requirements-llama.txt"
    fi
fi
exec "$venv/bin/python" "$here/llama.py" "$bin" --work "$cache/peers" "$@"
