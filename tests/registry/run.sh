#!/usr/bin/env bash
# Plugins through a real OCI registry (Debian's docker-registry, on loopback): followed by gateways;
# pushed, pulled, signed and verified by `hyfunc plugin`, and by other tools the other way round: the
# `oras` client for Python, skopeo, openssl, and cosign, oras and wkg where they are installed.
#
#   tests/registry/run.sh
#
# HYFUNC_BIN=path               test this binary instead of building one
# HYFUNC_CACHE=folder           where the virtual environment is kept
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${HYFUNC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyfunc}
ready_s_max=120
follow_s_max=120
oras_client=oras==0.2.43

# What is stored for this machine's user is nobody's business here.
unset HYFUNC_REGISTRY_USER HYFUNC_REGISTRY_PASSWORD HYFUNC_REGISTRY_CA HYFUNC_VERIFY_KEY COSIGN_PASSWORD
export HYFUNC_KEY_PASSWORD="correct horse"

missing=()
for tool in docker-registry htpasswd skopeo openssl python3 curl; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ "${#missing[@]}" -gt 0 ]; then
    echo "missing: ${missing[*]}; installing them with apt-get"
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    if ! { "${as_root[@]}" apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
            docker-registry apache2-utils skopeo openssl curl python3 python3-venv; } >/dev/null 2>&1; then
        echo "apt-get could not: install these by hand"
        exit 1
    fi
fi

venv=$cache/venv-registry
if [ "$(cat "$venv/.requirements" 2>/dev/null)" != "$oras_client" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$oras_client"
    echo "$oras_client" >"$venv/.requirements"
fi

bin=${HYFUNC_BIN:-}
if [ -z "$bin" ]; then
    target=${CARGO_TARGET_DIR:-$cache/target}
    (cd "$root" && CARGO_TARGET_DIR=$target cargo build --release --bin hyfunc)
    bin=$target/release/hyfunc
fi
bin=$(realpath "$bin")

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
cd "$work"
# No credentials but those that a test names.
export REGISTRY_AUTH_FILE=$work/nobody.json
echo '{}' >"$REGISTRY_AUTH_FILE"

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start NAME PORT: a registry with the configuration NAME.yml.
start() {
    # It takes every REGISTRY_… of the environment for a setting of its own.
    env -u REGISTRY_AUTH_FILE docker-registry serve "$1.yml" >"$1.log" 2>&1 </dev/null &
    servers+=("$!")
    local waited=0
    until python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)' \
        "$2" 2>/dev/null; do
        if ! kill -0 "${servers[-1]}" 2>/dev/null || [ "$waited" -ge "$ready_s_max" ]; then
            echo "the registry $1 was not ready:"
            cat "$1.log"
            exit 1
        fi
        sleep 1
        waited=$((waited + 1))
    done
}

passed=0
failed=0
# after COMMAND…: runs it; what it says is in out.txt only afterwards, so that it may look there itself.
after() {
    local outcome=0
    "$@" >next.txt 2>&1 || outcome=$?
    mv next.txt out.txt
    return "$outcome"
}
# passes NAME COMMAND…
passes() {
    local name=$1
    shift
    if after "$@"; then
        passed=$((passed + 1))
        echo "ok    $name"
    else
        failed=$((failed + 1))
        echo "FAIL  $name"
        sed 's/^/      /' out.txt
    fi
}
# fails NAME WORDS COMMAND…: it must end with an error that says these words.
fails() {
    local name=$1 words=$2
    shift 2
    if after "$@"; then
        failed=$((failed + 1))
        echo "FAIL  $name: it should have failed"
    elif ! grep -qF -- "$words" out.txt; then
        failed=$((failed + 1))
        echo "FAIL  $name: no word of '$words'"
        sed 's/^/      /' out.txt
    else
        passed=$((passed + 1))
        echo "ok    $name"
    fi
}
hyfunc() { "$bin" plugin "$@"; }
foreign() { "$venv/bin/python" "$here/foreign.py" "$@"; }
same() { cmp "$1" "$2"; }
says() { grep -qF -- "$1" out.txt; }

open_port=$(free_port)
cat >open.yml <<EOF
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $work/open}}
http: {addr: "127.0.0.1:$open_port"}
EOF
start open "$open_port"
registry=127.0.0.1:$open_port

echo "== push and pull, plain HTTP on loopback"
passes "a bundled plugin is pushed" hyfunc push dates "$registry/me/dates:1.0.0"
passes "it is pulled" hyfunc pull "$registry/me/dates:1.0.0" --verify off -o dates.wasm
passes "the file is a plugin" hyfunc inspect dates.wasm
passes "pushed again it is the same" hyfunc push dates.wasm "$registry/me/dates:1.0.0"
passes "and nothing was stored" says "is there already"
fails "another component does not take its tag" "exists already with another component" \
    hyfunc push units "$registry/me/dates:1.0.0"
passes "it takes another tag" hyfunc push units "$registry/me/dates:2.0.0"
passes "which is replaced when that is said" hyfunc push dates "$registry/me/dates:2.0.0" --replace
fails "a file is not overwritten" "--force" hyfunc pull "$registry/me/dates:1.0.0" --verify off \
    -o open.yml
passes "a plugin with wishes is pushed" hyfunc push todo "$registry/me/todo:1.0.0"
passes "they are told" hyfunc pull "$registry/me/todo:1.0.0" --verify off -o todo.wasm
passes "so" says "its key-value store"
passes "and not granted" test ! -e todo.grants.toml
passes "unless that is said" hyfunc pull "$registry/me/todo:1.0.0" --verify off -o todo.wasm --grants
passes "so" cmp todo.grants.toml "$root/plugins/todo/grants.toml"
fails "pushing wants a tag" "names no tag" hyfunc push dates "$registry/me/dates"
fails "pulling wants what is there" "there is no" hyfunc pull "$registry/me/nothing:1" --verify off
fails "a core module is no plugin" "core module" bash -c \
    "printf '\\0asm\\1\\0\\0\\0' >module.wasm; exec '$bin' plugin push module.wasm '$registry/me/module:1'"
fails "a registry is named first" "names no registry" hyfunc pull dates:1.0.0 --verify off
manifest_digest() {
    curl -sfI -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
        "http://$registry/v2/$1/manifests/$2" | tr -d '\r' |
        sed -n 's/^docker-content-digest: //Ip'
}
pin=$(manifest_digest me/dates 1.0.0)
passes "a digest pins" hyfunc pull "$registry/me/dates@$pin" --verify off -o pinned.wasm
passes "the same content" same pinned.wasm dates.wasm

echo "== other tools"
passes "the oras client for Python pulls what was pushed" \
    foreign pull "$registry/me/dates" 1.0.0 from-oras
passes "the same content" same from-oras/dates.wasm dates.wasm
passes "it pushes" foreign push "$registry/oras/dates" 1.0.0 dates.wasm
passes "that is pulled" hyfunc pull "$registry/oras/dates:1.0.0" --verify off -o oras.wasm
passes "the same content" same oras.wasm dates.wasm
passes "skopeo copies what was pushed" skopeo --insecure-policy copy --src-tls-verify=false --dest-tls-verify=false \
    "docker://$registry/me/dates:1.0.0" "docker://$registry/skopeo/dates:1.0.0"
passes "that is pulled by the same digest" hyfunc pull "$registry/skopeo/dates@$pin" --verify off \
    -o skopeo.wasm
passes "the same content" same skopeo.wasm dates.wasm

echo "== signatures"
passes "a pair of keys is made" hyfunc key generate --out author
passes "another" hyfunc key generate --out mallory
passes "the private key is private" test "$(stat -c %a author.key)" = 600
fails "keys are not overwritten" "exists already" hyfunc key generate --out author
fails "unsigned is refused" "is not signed" \
    hyfunc pull "$registry/me/dates:1.0.0" --key author.pub -o unsigned.wasm
passes "and nothing was written" test ! -e unsigned.wasm
fails "nobody is trusted by default" "--key FILE" hyfunc pull "$registry/me/dates:1.0.0"
passes "a warning lets it pass" \
    hyfunc pull "$registry/me/dates:1.0.0" --key author.pub --verify warn -o warned.wasm
passes "and is said" says "warning"
passes "signed" hyfunc sign "$registry/me/dates:1.0.0" --key author.key
passes "signed again it is said" hyfunc sign "$registry/me/dates:1.0.0" --key author.key
passes "so" says "already"
passes "verified" hyfunc verify "$registry/me/dates:1.0.0" --key author.pub
passes "pulled" hyfunc pull "$registry/me/dates:1.0.0" --key author.pub -o signed.wasm
passes "openssl verifies it as cosign would" \
    foreign check "$registry/me/dates" 1.0.0 author.pub
fails "another key did not sign it" "is not signed by the key" \
    hyfunc verify "$registry/me/dates:1.0.0" --key mallory.pub
fails "a private key is no public one" "private key" \
    hyfunc verify "$registry/me/dates:1.0.0" --key author.key
fails "the wrong password is said" "the password does not open" \
    env HYFUNC_KEY_PASSWORD=guess "$bin" plugin sign "$registry/me/dates:1.0.0" --key author.key
fails "no password, no terminal" "HYFUNC_KEY_PASSWORD" \
    env -u HYFUNC_KEY_PASSWORD "$bin" plugin sign "$registry/me/dates:1.0.0" --key author.key
passes "a second key signs, too" hyfunc sign "$registry/me/dates:1.0.0" --key mallory.key
passes "the first is still good" hyfunc verify "$registry/me/dates:1.0.0" --key author.pub
passes "pushed and signed at once" \
    hyfunc push units "$registry/me/units:1.0.0" --key author.key
passes "so" hyfunc verify "$registry/me/units:1.0.0" --key author.pub
passes "a tag is moved" hyfunc push text "$registry/me/units:1.0.0" --replace
fails "its signature does not move along" "is not signed" \
    hyfunc verify "$registry/me/units:1.0.0" --key author.pub
passes "a signature is copied to other content" skopeo --insecure-policy copy --src-tls-verify=false \
    --dest-tls-verify=false "docker://$registry/me/dates:${pin/:/-}.sig" \
    "docker://$registry/me/units:$(manifest_digest me/units 1.0.0 | tr : -).sig"
fails "and refused there" "of another artifact" \
    hyfunc verify "$registry/me/units:1.0.0" --key author.pub
passes "an artifact is copied to another name with its signature" skopeo --insecure-policy copy \
    --src-tls-verify=false --dest-tls-verify=false "docker://$registry/me/dates:${pin/:/-}.sig" \
    "docker://$registry/skopeo/dates:${pin/:/-}.sig"
fails "and refused there" "--signed-as" hyfunc verify "$registry/skopeo/dates:1.0.0" --key author.pub
passes "unless that is meant" hyfunc verify "$registry/skopeo/dates:1.0.0" --key author.pub \
    --signed-as "$registry/me/dates:1.0.0"

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out openssl.pem 2>/dev/null
openssl pkey -in openssl.pem -pubout -out openssl.pub
passes "openssl signs as cosign would" foreign sign "$registry/oras/dates" 1.0.0 openssl.pem
passes "that is verified" hyfunc verify "$registry/oras/dates:1.0.0" --key openssl.pub
passes "a key of openssl signs" hyfunc sign "$registry/me/units:1.0.0" --key openssl.pem
passes "so" hyfunc verify "$registry/me/units:1.0.0" --key openssl.pub

echo "== damage"
component=$(sha256sum dates.wasm | cut -d' ' -f1)
blob=$work/open/docker/registry/v2/blobs/sha256/${component:0:2}/$component/data
cp "$blob" whole
python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(100); f.write(b"damage"); f.close()' "$blob"
fails "damaged content is refused" "what came is sha256:" \
    hyfunc pull "$registry/me/dates:1.0.0" --key author.pub -o damaged.wasm
truncate -s 100 "$blob"
fails "half a component is refused" "nothing was kept" \
    hyfunc pull "$registry/me/dates:1.0.0" --key author.pub -o damaged.wasm
passes "and nothing was written" test ! -e damaged.wasm
cp whole "$blob"
# No file may grow beyond a kilobyte; whoever writes more is told so, and not ended.
limited() {
    (
        trap '' XFSZ
        ulimit -f 1
        exec "$bin" plugin "$@"
    )
}
fails "a disk without room is said" "free some space" \
    limited pull "$registry/me/units:1.0.0" --verify off -o full.wasm
passes "and nothing was written" test ! -e full.wasm
passes "whole again it is pulled" \
    hyfunc pull "$registry/me/dates:1.0.0" --key author.pub -o damaged.wasm

echo "== TLS by a private authority, and passwords"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ca.key -out ca.pem \
    -subj "/CN=A private authority" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.csr \
    -subj "/CN=localhost" 2>/dev/null
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >tls.ext
openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile tls.ext \
    -out tls.pem 2>/dev/null
htpasswd -Bbn maria secret >htpasswd 2>/dev/null
tls_port=$(free_port)
cat >tls.yml <<EOF
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $work/tls}}
http: {addr: "127.0.0.1:$tls_port", tls: {certificate: $work/tls.pem, key: $work/tls.key}}
auth: {htpasswd: {realm: a private registry, path: $work/htpasswd}}
EOF
start tls "$tls_port"
private=localhost:$tls_port
fails "nobody may read" "docker login" \
    hyfunc pull "$private/me/dates:1" --verify off --ca ca.pem
fails "nobody may write" "docker login" hyfunc push dates "$private/me/dates:1" --ca ca.pem
passes "maria may write" env HYFUNC_REGISTRY_USER=maria HYFUNC_REGISTRY_PASSWORD=secret \
    "$bin" plugin push dates "$private/me/dates:1" --ca ca.pem --key author.key
fails "not with another password" "docker login" env HYFUNC_REGISTRY_PASSWORD=guess \
    "$bin" plugin push dates "$private/me/dates:1" --ca ca.pem --user maria
printf '{"auths": {"%s": {"auth": "%s"}}}' "$private" "$(printf maria:secret | base64)" >maria.json
passes "a stored login does, too" env REGISTRY_AUTH_FILE=maria.json HYFUNC_REGISTRY_CA=ca.pem \
    "$bin" plugin pull "$private/me/dates:1" --key author.pub -o private.wasm
passes "the same content" same private.wasm dates.wasm
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout other.key \
    -out other.pem -subj "/CN=Another authority" 2>/dev/null
fails "another authority is refused" "--ca FILE" \
    hyfunc pull "$private/me/dates:1" --verify off --ca other.pem
fails "a key is no certificate" "holds no certificate" \
    hyfunc pull "$private/me/dates:1" --verify off --ca author.pub
fails "TLS with who speaks none is said" "plain HTTP" \
    hyfunc pull "$registry/me/dates:1.0.0" --verify off --ca ca.pem

echo "== the ecosystem's own binaries"
if command -v cosign >/dev/null; then
    passes "cosign verifies" cosign verify --allow-insecure-registry --insecure-ignore-tlog \
        --key author.pub "$registry/me/dates@$pin"
    passes "cosign signs with a key made here" env COSIGN_PASSWORD="$HYFUNC_KEY_PASSWORD" cosign sign \
        --yes --tlog-upload=false --allow-insecure-registry --key author.key "$registry/oras/dates:1.0.0"
    passes "that is verified" hyfunc verify "$registry/oras/dates:1.0.0" --key author.pub
else
    echo "skip  cosign: it is not installed, and no package registry has it"
fi
if command -v oras >/dev/null; then
    passes "oras pulls" oras pull --plain-http -o from-oras-cli "$registry/me/dates:1.0.0"
    passes "the same content" same from-oras-cli/dates.wasm dates.wasm
    passes "oras pushes" oras push --plain-http "$registry/cli/dates:1" dates.wasm:application/wasm
    passes "that is pulled" hyfunc pull "$registry/cli/dates:1" --verify off -o oras-cli.wasm
else
    echo "skip  oras: its binary is not installed (its client for Python was tried above)"
fi
if command -v wkg >/dev/null; then
    passes "wkg pulls" wkg oci pull --insecure "$registry" "$registry/me/dates:1.0.0" -o wkg.wasm
    passes "the same content" same wkg.wasm dates.wasm
    passes "wkg pushes" wkg oci push --insecure "$registry" "$registry/wkg/dates:1" dates.wasm
    passes "that is pulled" hyfunc pull "$registry/wkg/dates:1" --verify off -o from-wkg.wasm
else
    echo "skip  wkg: it is not installed (\`cargo install wkg\` takes minutes)"
fi

echo "== gateways that follow the registry"
# gateway NAME: one with a library of its own, which follows a tag and a list and nothing else.
gateway() {
    local name=$1 waited=0
    cat >"$name.toml" <<EOF
server.address = "127.0.0.1:0"
admin.address = "127.0.0.1:0"
plugins.bundled = false
library.dir = "$work/$name/library"
sandbox.aot_dir = "$work/$name/aot"

[follow]
references = ["tool=$registry/followed/tool:stable", "$registry/followed/plugins:list"]
keys = ["$work/author.pub"]
interval_ms = 200
backoff_ms_max = 400
EOF
    "$bin" --config "$name.toml" serve >"$name.log" 2>&1 </dev/null &
    servers+=("$!")
    # It takes free ports, and says which: the address for those who publish comes last.
    until sed -n 's/^hyfunc listens on \(http[^ ]*\): open.*/\1/p' "$name.log" >"$name.url" &&
        sed -n 's/^plugins are published to \(http[^ ]*\) .*/\1/p' "$name.log" >"$name.admin" &&
        [ -s "$name.admin" ] && curl -sf -o /dev/null "$(cat "$name.url")/readyz"; do
        if ! kill -0 "${servers[-1]}" 2>/dev/null || [ "$waited" -ge "$follow_s_max" ]; then
            echo "the gateway $name was not ready:"
            cat "$name.log"
            exit 1
        fi
        sleep 1
        waited=$((waited + 1))
    done
}
holds() { hyfunc list --gateway "$(cat "$1.admin")"; }
followed() { curl -sf "$(cat "$1.admin")/v1/follow"; }
# comes WORDS COMMAND…: what it says holds the words before long.
comes() {
    local words=$1 waited=0
    shift
    until "$@" 2>&1 | grep -F -- "$words" >/dev/null; do
        if [ "$waited" -ge "$follow_s_max" ]; then
            "$@" || true
            return 1
        fi
        sleep 1
        waited=$((waited + 1))
    done
}
# moves FROM TO: lets another tag name the same artifact, by its digest.
moves() {
    skopeo --insecure-policy copy --src-tls-verify=false --dest-tls-verify=false \
        "docker://$registry/followed/tool:$1" "docker://$registry/followed/tool:$2"
}
digests() {
    hyfunc list --json --gateway "$(cat "$1.admin")" | python3 -c '
import json, sys
for plugin in json.load(sys.stdin)["data"]:
    print(plugin["name"], plugin["serving"] and plugin["serving"]["digest"])'
}
equal() {
    digests first >first.digests && digests second >second.digests
    test -s first.digests && cmp first.digests second.digests
}
passes "a release is pushed and signed" \
    hyfunc push dates "$registry/followed/tool:1.0.0" --key author.key
passes "a tag names it" moves 1.0.0 stable
gateway first
gateway second
passes "a gateway takes it" comes "tool:stable, version 1.0.0" holds first
passes "so does the other" comes "tool:stable, version 1.0.0" holds second
passes "a later one is pushed and signed" \
    hyfunc push units "$registry/followed/tool:2.0.0" --key author.key
passes "the tag moves" moves 2.0.0 stable
passes "the later one serves" comes "tool:stable, version 2.0.0" holds first
passes "in the other, too" comes "tool:stable, version 2.0.0" holds second
passes "they are equal" equal
passes "one is pushed unsigned" hyfunc push text "$registry/followed/tool:3.0.0"
passes "the tag moves" moves 3.0.0 stable
passes "it is refused" comes "is not signed" followed first
passes "and the one before serves" comes "tool:stable, version 2.0.0" holds first
passes "it is signed" hyfunc sign "$registry/followed/tool:3.0.0" --key author.key
passes "and serves" comes "tool:stable, version 3.0.0" holds first
passes "in the other, too" comes "tool:stable, version 3.0.0" holds second
passes "the tag moves back" moves 1.0.0 stable
passes "which is refused" comes "which is earlier" followed first
passes "and the one before serves" comes "tool:stable, version 3.0.0" holds first
passes "the tag is right again" moves 3.0.0 stable
passes "components for a list are pushed" hyfunc push dates "$registry/followed/plugins:dates-1"
passes "and another" hyfunc push units "$registry/followed/plugins:units-1"
fails "a list names what is there" "there is no" \
    hyfunc index "$registry/followed/plugins:list" dates=nothing --key author.key
fails "and names it" "NAME=TAG" hyfunc index "$registry/followed/plugins:list" dates-1 --key author.key
passes "a list is written and signed" \
    hyfunc index "$registry/followed/plugins:list" dates=dates-1 units=units-1 --key author.key
passes "written again it is the same" \
    hyfunc index "$registry/followed/plugins:list" dates=dates-1 units=units-1 --key author.key
passes "so" says "is there already"
fails "another does not take its tag" "--replace" \
    hyfunc index "$registry/followed/plugins:list" dates=dates-1 --key author.key
passes "its signature is verified" hyfunc verify "$registry/followed/plugins:list" --key author.pub
fails "by its author alone" "is not signed by the key" \
    hyfunc verify "$registry/followed/plugins:list" --key mallory.pub
passes "what it names serves" comes "dates (published)" holds first
passes "all of it" comes "units (published)" holds first
passes "in the other, too" comes "units (published)" holds second
passes "and from there" comes "from $registry/followed/plugins:list" holds second
passes "they are equal" equal
passes "skopeo reads the list" skopeo inspect --raw --tls-verify=false \
    "docker://$registry/followed/plugins:list"
passes "with its names" says "org.opencontainers.image.ref.name"

echo "== a registry that is gone"
kill "${servers[0]}"
wait "${servers[0]}" 2>/dev/null || true
fails "it is said" "does not answer" hyfunc pull "$registry/me/dates:1.0.0" --verify off
passes "a gateway that follows it says so" comes "does not answer" followed first
passes "and is ready" curl -sf "$(cat first.url)/readyz"
passes "and serves what it held" comes "tool:stable, version 3.0.0" holds first

printf '\nchecks: %s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
