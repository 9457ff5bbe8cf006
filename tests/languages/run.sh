#!/usr/bin/env bash
# Plugins in Python, JavaScript and C, built with the tools of their languages: the template of
# `hyfunc plugin new`, checked, tested and called; and the plugin of plugins/ in that language, its
# logic tested natively and every case of its cases.jsonl called. Last, the tutorial of
# plugins/README.md is followed to the letter. Rust's template has a test of its own:
# gateway/tests/authoring/rust.rs.
#
#   tests/languages/run.sh [python] [js] [c] [tutorial]
#
# HYFUNC_BIN=path        test this binary instead of building one
# HYFUNC_CACHE=folder    where the tools are kept
# WIT_BINDGEN=path       use this wit-bindgen instead of having cargo install one
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}
templates=$root/gateway/templates
tools=$cache/languages
mkdir -p "$tools"
# Its C generator; plugins/bundle builds the Rust ones with the same version.
wit_bindgen_version=0.61.1

bin=${HYFUNC_BIN:-}
if [ -z "$bin" ]; then
    target=${CARGO_TARGET_DIR:-$cache/target}
    (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --bin hyfunc)
    bin=$target/release/hyfunc
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HYFUNC_SANDBOX__AOT_DIR=$work/aot NO_COLOR=1
# A component with all of CPython takes long to compile on a busy machine, and that is not tested here.
export HYFUNC_SANDBOX__COMPILE_MS_MAX=300000
unset VIRTUAL_ENV WASI_SDK_PATH

fail() {
    printf 'FAILED: %s\n' "$*"
    return 1
}

# What the template's own requirements.txt names, in a virtual environment that is kept.
tools_python() {
    local venv=$tools/python wanted=$templates/python/requirements.txt
    cmp "$wanted" "$root/plugins/numerals/requirements.txt"
    if ! cmp -s "$wanted" "$venv/.requirements"; then
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
        cp "$wanted" "$venv/.requirements"
    fi
    ln -s "$venv" "$1/.venv"
}

# What the template's own package.json names, which is what the plugin's does.
tools_js() {
    local modules=$tools/js wanted=$root/plugins/colors/package.json
    command -v npm >/dev/null || fail "npm is missing: install Node.js 20 or later, which brings it"
    python3 - "$templates/js/package.json" "$wanted" <<'PY'
import json, sys
template, plugin = (json.load(open(path))["devDependencies"] for path in sys.argv[1:])
sys.exit(template != plugin and f"the template asks for {template}, the plugin for {plugin}")
PY
    if ! cmp -s "$wanted" "$modules/.installed.json"; then
        rm -rf "$modules"
        mkdir -p "$modules"
        cp "$wanted" "$modules"
        npm --prefix "$modules" install --no-package-lock --no-fund --no-audit --loglevel=error
        cp "$wanted" "$modules/.installed.json"
    fi
    ln -s "$modules/node_modules" "$1/node_modules"
}

# Debian's packages, and what crates.io has; Rust's toolchain brings the linker of components.
tools_c() {
    if ! command -v clang >/dev/null || ! command -v wasm-ld >/dev/null ||
        [ ! -f /usr/lib/wasm32-wasi/libc.a ]; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            clang lld wasi-libc libclang-rt-dev-wasm32 >/dev/null
    fi
    if [ -z "${WIT_BINDGEN:-}" ]; then
        local own=$tools/wit-bindgen-$wit_bindgen_version
        if [ ! -x "$own/bin/wit-bindgen" ]; then
            CARGO_TARGET_DIR=$own/target cargo install --quiet --locked --root "$own" \
                --version "=$wit_bindgen_version" --no-default-features --features c wit-bindgen-cli
            rm -rf "$own/target"
        fi
        WIT_BINDGEN=$own/bin/wit-bindgen
    fi
    PATH=$(dirname "$WIT_BINDGEN"):$PATH
    # Whose linker of components is taken; the work lies outside of this toolchain file's reach.
    RUSTUP_TOOLCHAIN=${RUSTUP_TOOLCHAIN:-$(sed -n 's/^channel *= *"\(.*\)"/\1/p' "$root/rust-toolchain.toml")}
    export PATH RUSTUP_TOOLCHAIN
}

# The logic alone, without a component.
logic_python() {
    python3 -m unittest --quiet
}

logic_js() {
    node --test
}

logic_c() {
    clang -std=c11 -Wall -Wextra -Werror -I. tests/logic.c digits.c checksum.c -o native && ./native
}

# Begins, builds, checks, tests and calls a plugin in a language.
try_template() {
    local language=$1 name=greeter-in-$1 component said
    printf '\n-- template in %s\n' "$language"
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

# Builds, checks, tests and calls the plugin of plugins/ in a language, in a copy of its folder.
try_plugin() {
    local language=$1 name=$2
    printf '\n-- %s in %s\n' "$name" "$language"
    mkdir "$work/$name"
    tar -C "$root/plugins/$name" --exclude=./.venv --exclude=./node_modules --exclude=./dist \
        --exclude=./build --exclude=./native -cf - . | tar -C "$work/$name" -xf -
    "tools_$language" "$work/$name"
    cd "$work/$name"
    "logic_$language"
    "$bin" plugin build
    "$bin" plugin check
    "$bin" plugin test
    python3 "$here/check.py" "$bin" "dist/$name.wasm" cases.jsonl
}

try_all() {
    case $1 in
    python)
        try_template python
        try_plugin python numerals
        ;;
    js)
        try_template js
        try_plugin js colors
        ;;
    c)
        try_template c
        try_plugin c codes
        ;;
    tutorial)
        printf '\n-- tutorial\n'
        python3 "$here/tutorial.py" "$bin" "$root/plugins/README.md" "$work/tutorial"
        ;;
    *) fail "$1 is none of python, js, c and tutorial" ;;
    esac
}

passed=0
failed=0
[ "$#" -gt 0 ] || set -- python js c tutorial
for each in "$@"; do
    # In a shell of its own, since a condition would switch off `set -e` inside.
    (
        set -e
        try_all "$each"
    ) &
    if wait "$!"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n' "$each"
    fi
done
printf '\nlanguages: %s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
