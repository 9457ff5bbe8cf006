#!/usr/bin/env bash
# One small tool (text in; words, characters and sentences out) as our component, as a plugin of
# hyper-mcp, and as a native function, each under the same load: 1 and 64 calls at a time. Prints a
# table and writes a JSON file. Never in CI: it builds hyper-mcp, and measures.
#
#   tests/peers/run.sh [FILE.json]
#
# HYFUNC_BIN=path             measure this binary instead of building one
# HYFUNC_CACHE=folder         where builds are kept
# HYPER_MCP_VERSION=0.8.3     which of its published versions
# PEERS_SECONDS=10            seconds a row, of which the first quarter does not count
# PEERS_ROUNDS=3              rounds; a row is the one of the median throughput
#
# All run the same code, plugins/text/src/count.rs. One load generator (load.rs) drives all of them.
# hyper-mcp has spoken MCP over standard input and output alone since 0.3, so that is how it stands
# beside `hyfunc mcp`; the native function has no MCP, and stands beside POST /v1/functions/{name}.
# Each server and the generator share this machine's cores, in every row alike. What is not alike:
# hyfunc makes a fresh instance for each call, hyper-mcp one for all calls, behind a lock.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}
peers=$cache/peers
version=${HYPER_MCP_VERSION:-0.8.3}
seconds=${PEERS_SECONDS:-10}
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

# Below the root, so that the toolchain is the project's.
cd "$root"
if [ -z "$(rustc --print target-libdir --target wasm32-wasip1 2>/dev/null)" ] ||
    [ ! -d "$(rustc --print target-libdir --target wasm32-wasip1)" ]; then
    rustup target add wasm32-wasip1
fi

echo "== hyper-mcp $version (minutes, the first time)"
if [ "$(cat "$peers/hyper-mcp.version" 2>/dev/null)" != "$version" ]; then
    cargo install --quiet --root "$peers" --target-dir "$peers/hyper-mcp" --locked --force \
        --version "$version" hyper-mcp
    echo "$version" >"$peers/hyper-mcp.version"
    rm -rf "$peers/hyper-mcp"
fi

echo "== the same tool for it, as a native function, and the load"
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

# Limits that the load itself would meet: they are the same question for nobody else.
cat >"$work/hyfunc.toml" <<EOF
[server]
address = "127.0.0.1:$(free_port)"
EOF
address=$(sed -n 's/^address = "\(.*\)"/\1/p' "$work/hyfunc.toml")
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

arguments='{"text":"the quick brown fox jumps over the lazy dog"}'
wanted='"words":9'
echo "$arguments" >"$work/call.json"
# message NAME [META]: a call of that tool.
message() {
    printf '{"jsonrpc":"2.0","id":@ID@,"method":"tools/call","params":{"name":"%s","arguments":%s%s}}\n' \
        "$1" "$arguments" "${2:-}"
}
meta='"io.modelcontextprotocol/protocolVersion":"2026-07-28"'
meta+=',"io.modelcontextprotocol/clientCapabilities":{}'
message text_count_words >"$work/hyfunc.json"
message text_count_words ",\"_meta\":{$meta}" >"$work/stateless.json"
message text-count_words >"$work/hyper-mcp.call.json"

# measure NAME AT_ONCE BODY ARGUMENT…
measure() {
    local name=$1 clients=$2 body=$3
    shift 3
    # Logs of each call are nobody's task here; what goes wrong is still told.
    RUST_LOG=error "$peers/load" "$name" "$clients" "$seconds" "$body" "$wanted" "$@" \
        >>"$work/rows.jsonl" 2>"$work/load.log" || {
        echo "$name, $clients at a time:"
        tail -n 20 "$work/load.log"
        exit 1
    }
    # A call that failed was not measured, and is no part of a comparison.
    cat "$work/load.log"
}

for round in $(seq "$rounds"); do
    echo "== round $round of $rounds"
    for clients in "${at_once[@]}"; do
        measure "native function, HTTP" "$clients" "$work/call.json" \
            http "127.0.0.1:$native_port" /v1/functions/text_count_words
        measure "hyfunc, HTTP" "$clients" "$work/call.json" \
            http "$address" /v1/functions/text_count_words
        measure "hyfunc, MCP over HTTP" "$clients" "$work/stateless.json" \
            http "$address" /mcp "accept: application/json, text/event-stream" \
            "mcp-protocol-version: 2026-07-28" "mcp-method: tools/call" "mcp-name: text_count_words"
        measure "hyfunc, MCP over stdio" "$clients" "$work/hyfunc.json" stdio "$bin" mcp
        measure "hyper-mcp, MCP over stdio" "$clients" "$work/hyper-mcp.call.json" \
            stdio "$peers/bin/hyper-mcp" --config-file "$work/hyper-mcp.json"
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


def of(name, at_once):
    return next(row for row in rows if row["name"] == name and row["at_once"] == at_once)


print(f"\n{own} beside hyper-mcp {version}, {os.cpu_count()} cores, {seconds} s a row, {rounds} rounds\n")
print("| at a time | what | p50 | p99 | calls a second | failed |")
print("|---:|---|---:|---:|---:|---:|")
for row in rows:
    print(
        f"| {row['at_once']} | {row['name']} | {row['p50_us'] / 1000:.3f} ms "
        f"| {row['p99_us'] / 1000:.3f} ms | {row['calls_per_second']:,.0f} | {row['failed']} |"
    )
ratios = {}
for own_row, other in [
    ("hyfunc, MCP over stdio", "hyper-mcp, MCP over stdio"),
    ("hyfunc, HTTP", "native function, HTTP"),
]:
    for at_once in sorted({row["at_once"] for row in rows}):
        ratio = of(own_row, at_once)["calls_per_second"] / of(other, at_once)["calls_per_second"]
        ratios[f"{own_row} / {other}, {at_once} at a time"] = round(ratio, 3)
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
