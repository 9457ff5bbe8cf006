#!/usr/bin/env bash
# The templates of `hyfunc plugin new` in Python, JavaScript and C, each built with the tools of its
# language, checked, tested and called. The one in Rust has a test of its own:
# gateway/tests/authoring/rust.rs.
#
#   tests/templates/run.sh [python] [js] [c]
#
# HYFUNC_BIN=path        test this binary instead of building one
# HYFUNC_CACHE=folder    where the tools are kept
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}
templates=$root/gateway/templates
tools=$cache/templates
mkdir -p "$tools"

bin=${HYFUNC_BIN:-}
if [ -z "$bin" ]; then
    target=${CARGO_TARGET_DIR:-$cache/target}
    (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --bin hyfunc)
    bin=$target/release/hyfunc
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HYFUNC_SANDBOX__AOT_DIR=$work/aot NO_COLOR=1
unset VIRTUAL_ENV WASI_SDK_PATH

# What the template's own requirements.txt names, in a virtual environment that is kept.
tools_python() {
    local venv=$tools/python
    if ! cmp -s "$templates/python/requirements.txt" "$venv/.requirements"; then
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check \
            -r "$templates/python/requirements.txt"
        cp "$templates/python/requirements.txt" "$venv/.requirements"
    fi
    ln -s "$venv" "$1/.venv"
}

# What the template's own package.json names.
tools_js() {
    local modules=$tools/js
    if ! cmp -s "$templates/js/package.json" "$modules/package.json"; then
        rm -rf "$modules"
        mkdir -p "$modules"
        (cd "$modules" && cp "$templates/js/package.json" wanted.json &&
            sed 's/template-name/templates/' wanted.json >package.json &&
            npm install --no-fund --no-audit --silent && mv wanted.json package.json)
    fi
    ln -s "$modules/node_modules" "$1/node_modules"
}

# Debian's packages, and what crates.io has; Rust's toolchain brings the linker of components.
tools_c() {
    if ! command -v clang >/dev/null || ! command -v wasm-ld >/dev/null ||
        [ ! -f /usr/lib/wasm32-wasi/libc.a ]; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends \
            clang lld wasi-libc libclang-rt-dev-wasm32 >/dev/null
    fi
    if ! command -v wit-bindgen >/dev/null; then
        export PATH=$PATH:$tools/c/bin
    fi
    if ! command -v wit-bindgen >/dev/null; then
        CARGO_TARGET_DIR=$tools/c/target cargo install --quiet --locked --root "$tools/c" \
            --version '^0.61' --no-default-features --features c wit-bindgen-cli
        rm -rf "$tools/c/target"
    fi
}

fail() {
    printf 'FAILED: %s\n' "$*"
    return 1
}

# Begins, builds, checks, tests and calls a plugin in a language.
try() {
    local language=$1 name=greeter-in-$1 component said
    printf '\n-- %s\n' "$language"
    "$bin" plugin new "$name" --lang "$language" --dir "$work"
    "tools_$language" "$work/$name"
    cd "$work/$name"
    "$bin" plugin build
    component=dist/$name.wasm
    "$bin" plugin check
    "$bin" plugin test
    said=$("$bin" plugin call "$component" greet '{"name": "Maria", "language": "french"}' --json)
    grep -q '"Bonjour, Maria!"' <<<"$said" || fail "it says $said"
    said=$("$bin" plugin call "$component" greet '{"name": "Maria"}' --json)
    grep -q '"Hello, Maria!"' <<<"$said" || fail "it says $said"
    said=$("$bin" plugin call "$component" greet '{"name": " "}' --json)
    grep -q '"error": "say whom to greet"' <<<"$said" || fail "it says $said"
    said=$("$bin" plugin inspect "$component" --json)
    python3 -c '
import json, sys
names = [function["name"] for function in json.load(sys.stdin)["functions"]]
sys.exit(names != ["greetings_greet"] and f"it offers {names}")
' <<<"$said"
}

passed=0
failed=0
for language in "${@:-python js c}"; do
    # Word by word: the default is one word of three.
    for each in $language; do
        # In the background, since a condition would switch off `set -e` inside.
        try "$each" &
        if wait "$!"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
    done
done
printf '\ntemplates: %s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
