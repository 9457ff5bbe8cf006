#!/usr/bin/env bash
# Two small tools as our components, as a plugin of hyper-mcp, and as native functions, each under the
# same load: 1 and 64 calls at a time. One computes (text in; words, characters and sentences out);
# the other waits 10 ms, as a tool does that asks a service. Prints a table and writes a JSON file.
# Never in CI: it builds hyper-mcp, and measures.
#
#   tests/peers/run.sh [FILE.json]
#
# HYFUNC_BIN=path             measure this binary instead of building one
# HYFUNC_CACHE=folder         where builds are kept
# HYPER_MCP_VERSION=0.8.3     which of its published versions
# HYPER_MCP_TOOLCHAIN=name    built with this toolchain of rustup instead of the project's
# PEERS_SECONDS=6             seconds a row, of which the first quarter does not count
# PEERS_ROUNDS=3              rounds; a row is the one of the median throughput
#
# All count with the same code, plugins/text/src/count.rs. One load generator (load.rs) drives all of them.
# hyper-mcp has spoken MCP over standard input and output alone since 0.3, so that is how it stands
# beside `hyfunc mcp`; the native function has no MCP, and stands beside POST /v1/functions/{name}.
# Each server and the generator share this machine's cores, in every row alike. What is not alike:
# hyfunc makes a fresh instance for each call, hyper-mcp one for all calls, behind a lock. hyfunc's
# limit of calls of one plugin at once is set to the load; hyper-mcp has no such setting.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}
peers=$cache/peers
version=${HYPER_MCP_VERSION:-0.8.3}
seconds=${PEERS_SECONDS:-6}
rounds=${PEERS_ROUNDS:-3}
results=$(realpath -m "${1:-$peers/peers.json}")
ready_s_max=60
at_once=(1 64)
mkdir -p "$peers" "$(dirname "$results")"

for tool in cargo rustc python3 curl; do
    if ! command -v "$tool" >/dev/null; then
        echo "\`$tool\` is missing: install it and run this again"
        exit 1
    fi
done
# hyper-mcp links the system's OpenSSL.
if ! pkg-config --exists openssl 2>/dev/null; then
    echo "hyper-mcp builds against OpenSSL: apt-get install libssl-dev pkg-config"
    exit 1
fi

bin=${HYFUNC_BIN:-}
if [ -z "$bin" ]; then
    target=${CARGO_TARGET_DIR:-$cache/target}
    (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --bin hyfunc)
    bin=$target/release/hyfunc
fi
bin=$(realpath "$bin")
# What is built below lies apart from the workspace.
unset CARGO_TARGET_DIR

# The project's toolchain, wherever something is built.
cd "$root"
if command -v rustup >/dev/null; then
    RUSTUP_TOOLCHAIN=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)
    export RUSTUP_TOOLCHAIN
fi
if [ -z "$(rustc --print target-libdir --target wasm32-wasip1 2>/dev/null)" ] ||
    [ ! -d "$(rustc --print target-libdir --target wasm32-wasip1)" ]; then
    rustup target add wasm32-wasip1
fi

echo "== hyper-mcp $version (minutes, the first time)"
if [ "$(cat "$peers/hyper-mcp.version" 2>/dev/null)" != "$version" ]; then
    RUSTUP_TOOLCHAIN=${HYPER_MCP_TOOLCHAIN:-${RUSTUP_TOOLCHAIN:-}} \
        cargo install --quiet --root "$peers" --target-dir "$peers/hyper-mcp" --locked --force \
        --version "$version" hyper-mcp
    echo "$version" >"$peers/hyper-mcp.version"
    rm -rf "$peers/hyper-mcp"
fi

echo "== the same tools for it, as native functions, and the load"
# Copied, so that nothing is written into the checkout.
for crate in guest native; do
    mkdir -p "$peers/$crate/src"
    cp "$here/$crate/Cargo.toml" "$peers/$crate/"
    cp "$here/$crate/src/"*.rs "$root/plugins/text/src/count.rs" "$peers/$crate/src/"
done
cargo build --quiet --release --manifest-path "$peers/guest/Cargo.toml" --target wasm32-wasip1 \
    --target-dir "$peers/build"
cargo build --quiet --release --manifest-path "$peers/native/Cargo.toml" --target-dir "$peers/build"
rustc --edition 2024 -O -o "$peers/load" "$here/load.rs"
rm -rf "$peers/service"
(cd "$peers" && "$bin" plugin new service --lang rust >/dev/null)
cp "$here/component/world.wit" "$peers/service/wit/world.wit"
cp "$here/component/lib.rs" "$peers/service/src/lib.rs"
(cd "$peers/service" && CARGO_TARGET_DIR=$peers/build "$bin" plugin build >"$peers/service.log" 2>&1) || {
    cat "$peers/service.log"
    exit 1
}
service=$peers/service/dist/service.wasm

work=$(mktemp -d)
servers=()
stop() {
    local server
    for server in "${servers[@]}"; do
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap stop EXIT

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# ready NAME PORT: waits until the last server listens.
ready() {
    local waited=0
    until (: <"/dev/tcp/127.0.0.1/$2") 2>/dev/null; do
        if ! kill -0 "${servers[-1]}" 2>/dev/null || [ "$waited" -ge "$ready_s_max" ]; then
            echo "$1 was not ready:"
            cat "$work/$1.log"
            exit 1
        fi
        sleep 1
        waited=$((waited + 1))
    done
}

address=127.0.0.1:$(free_port)
cat >"$work/hyfunc.toml" <<EOF
server.address = "$address"
sandbox.calls_per_plugin_max = 64
plugins.files = ["$service"]
EOF
"$bin" --config "$work/hyfunc.toml" serve >"$work/hyfunc.log" 2>&1 </dev/null &
servers+=("$!")
ready hyfunc "${address##*:}"

native_port=$(free_port)
"$peers/build/release/hyfunc-peer-native" "$native_port" >"$work/native.log" 2>&1 </dev/null &
servers+=("$!")
ready native "$native_port"

guest=$peers/build/wasm32-wasip1/release/hyfunc_peer_guest.wasm
cat >"$work/hyper-mcp.json" <<EOF
{"plugins": {"text": {"url": "file://$guest"}}}
EOF

# body FILE NAME ARGUMENTS [META]: a call of that tool over MCP.
body() {
    printf '{"jsonrpc":"2.0","id":@ID@,"method":"tools/call","params":{"name":"%s","arguments":%s%s}}\n' \
        "$2" "$3" "${4:-}" >"$work/$1"
}
meta=',"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"'
meta+=',"io.modelcontextprotocol/clientCapabilities":{}}'

# measure NAME AT_ONCE BODY WANTED ARGUMENT…
measure() {
    local name=$1 clients=$2 body=$3 wanted=$4
    shift 4
    # Logs of each call are nobody's task here; what goes wrong is still told.
    RUST_LOG=error "$peers/load" "$name" "$clients" "$seconds" "$work/$body" "$wanted" "$@" \
        >>"$work/rows.jsonl" 2>"$work/load.log" || {
        echo "$name, $clients at a time:"
        tail -n 20 "$work/load.log"
        exit 1
    }
    # A call that failed was not measured, and is no part of a comparison.
    cat "$work/load.log"
}

# all TOOL FUNCTION THEIRS ARGUMENTS WANTED CLIENTS: a tool by every road.
all() {
    local tool=$1 function=$2 theirs=$3 arguments=$4 wanted=$5 clients=$6
    echo "$arguments" >"$work/arguments.json"
    body call.json "$function" "$arguments"
    body alone.json "$function" "$arguments" "$meta"
    body theirs.json "$theirs" "$arguments"
    measure "$tool: native function, HTTP" "$clients" arguments.json "$wanted" \
        http "127.0.0.1:$native_port" "/v1/functions/$function"
    measure "$tool: hyfunc, HTTP" "$clients" arguments.json "$wanted" \
        http "$address" "/v1/functions/$function"
    measure "$tool: hyfunc, MCP over HTTP" "$clients" alone.json "$wanted" \
        http "$address" /mcp "accept: application/json, text/event-stream" \
        "mcp-protocol-version: 2026-07-28" "mcp-method: tools/call" "mcp-name: $function"
    measure "$tool: hyfunc, MCP over stdio" "$clients" call.json "$wanted" \
        stdio "$bin" --config "$work/hyfunc.toml" mcp
    measure "$tool: hyper-mcp, MCP over stdio" "$clients" theirs.json "$wanted" \
        stdio "$peers/bin/hyper-mcp" --config-file "$work/hyper-mcp.json"
}

for round in $(seq "$rounds"); do
    echo "== round $round of $rounds"
    for clients in "${at_once[@]}"; do
        all words text_count_words text-count_words \
            '{"text":"the quick brown fox jumps over the lazy dog"}' '"words":9' "$clients"
        all "wait 10 ms" service_wait text-wait '{"ms":10}' '"result":10' "$clients"
    done
done

python3 - "$work/rows.jsonl" "$results" "$version" "$("$bin" --version)" "$seconds" "$rounds" <<'EOF'
import json
import os
import platform
import statistics
import sys

rows_file, results, version, own, seconds, rounds = sys.argv[1:]
kinds = {}
for line in open(rows_file):
    row = json.loads(line)
    kinds.setdefault((row["at_once"], row["name"]), []).append(row)
rows = []
for (at_once, name), seen in kinds.items():
    middle = statistics.median_low(row["calls_per_second"] for row in seen)
    row = next(row for row in seen if row["calls_per_second"] == middle)
    row["rounds_calls_per_second"] = [other["calls_per_second"] for other in seen]
    row["failed"] = sum(other["failed"] for other in seen)
    rows.append(row)


def of(tool, name, at_once):
    wanted = (f"{tool}: {name}", at_once)
    return next(row for row in rows if (row["name"], row["at_once"]) == wanted)


print(f"\n{own} beside hyper-mcp {version}, {os.cpu_count()} cores, {seconds} s a row, {rounds} rounds\n")
print("| at a time | tool | by | p50 | p99 | calls a second | failed |")
print("|---:|---|---|---:|---:|---:|---:|")
for row in rows:
    tool, name = row["name"].split(": ")
    print(
        f"| {row['at_once']} | {tool} | {name} | {row['p50_us'] / 1000:.3f} ms "
        f"| {row['p99_us'] / 1000:.3f} ms | {row['calls_per_second']:,.0f} | {row['failed']} |"
    )
ratios = {}
for tool in sorted({row["name"].split(": ")[0] for row in rows}):
    for name, other in [
        ("hyfunc, MCP over stdio", "hyper-mcp, MCP over stdio"),
        ("hyfunc, HTTP", "native function, HTTP"),
    ]:
        for at_once in sorted({row["at_once"] for row in rows}):
            pair = [of(tool, each, at_once)["calls_per_second"] for each in (name, other)]
            ratios[f"{tool}, {at_once} at a time: {name} / {other}"] = round(pair[0] / pair[1], 3)
print()
for name, ratio in ratios.items():
    print(f"throughput, {name}: {ratio:.2f}")
with open(results, "w") as file:
    json.dump(
        {
            "hyfunc": own,
            "hyper_mcp": version,
            "cores": os.cpu_count(),
            "machine": platform.processor() or platform.machine(),
            "seconds": float(seconds),
            "rounds": int(rounds),
            "rows": rows,
            "throughput_ratios": ratios,
        },
        file,
        indent=2,
    )
    file.write("\n")
print(f"\n{results}")
EOF
