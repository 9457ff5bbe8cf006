"""What other tools do with a registry, written down with nothing but Python and openssl.

  foreign.py check NAME TAG KEY.pub    verifies the signature of a tag, as cosign does
  foreign.py sign NAME TAG KEY.pem     signs it, as cosign does
  foreign.py push NAME TAG FILE        pushes a component with the `oras` client
  foreign.py pull NAME TAG FOLDER      pulls it with the `oras` client

NAME is registry/repository; the registry speaks plain HTTP on this machine.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SIGNED = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Repository:
    def __init__(self, name):
        self.name = name
        registry, repository = name.split("/", 1)
        self.base = f"http://{registry}/v2/{repository}"

    def request(self, method, url, data=None, headers=None):
        request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
        return urllib.request.urlopen(request, timeout=120)

    def manifest(self, wanted):
        url = f"{self.base}/manifests/{wanted}"
        return self.request("GET", url, headers={"Accept": MANIFEST}).read()

    def blob(self, wanted):
        return self.request("GET", f"{self.base}/blobs/{wanted}").read()

    def put_blob(self, data):
        location = self.request("POST", f"{self.base}/blobs/uploads/", b"").headers["Location"]
        mark = "&" if "?" in location else "?"
        url = f"{location}{mark}digest={digest(data)}"
        self.request("PUT", url, data, {"Content-Type": "application/octet-stream"})

    def put_manifest(self, tag, data):
        self.request("PUT", f"{self.base}/manifests/{tag}", data, {"Content-Type": MANIFEST})


def openssl(*arguments, data=None):
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True)
    return done.returncode == 0, done.stdout


def signature_tag(manifest):
    return digest(manifest).replace(":", "-") + ".sig"


def check(repository, tag, key):
    manifest = repository.manifest(tag)
    signatures = json.loads(repository.manifest(signature_tag(manifest)))
    for layer in signatures["layers"]:
        assert layer["mediaType"] == SIGNED, layer
        payload = repository.blob(layer["digest"])
        assert digest(payload) == layer["digest"] and len(payload) == layer["size"]
        with tempfile.NamedTemporaryFile() as signature:
            signature.write(base64.b64decode(layer["annotations"][SIGNATURE]))
            signature.flush()
            good, _ = openssl(
                "dgst", "-sha256", "-verify", key, "-signature", signature.name, data=payload
            )
        if good:
            critical = json.loads(payload)["critical"]
            assert critical["image"]["docker-manifest-digest"] == digest(manifest), critical
            assert critical["identity"]["docker-reference"] == repository.name, critical
            assert critical["type"] == "cosign container image signature", critical
            return
    sys.exit(f"no signature of {key} among {len(signatures['layers'])}")


def sign(repository, tag, key):
    manifest = repository.manifest(tag)
    critical = {
        "identity": {"docker-reference": repository.name},
        "image": {"docker-manifest-digest": digest(manifest)},
        "type": "cosign container image signature",
    }
    payload = json.dumps(
        {"critical": critical, "optional": None}, separators=(",", ":")
    ).encode()
    good, signature = openssl("dgst", "-sha256", "-sign", key, data=payload)
    assert good
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [digest(payload)]}}).encode()
    repository.put_blob(payload)
    repository.put_blob(config)
    layer = {
        "mediaType": SIGNED,
        "size": len(payload),
        "digest": digest(payload),
        "annotations": {SIGNATURE: base64.b64encode(signature).decode()},
    }
    config_type = "application/vnd.oci.image.config.v1+json"
    signatures = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": config_type, "size": len(config), "digest": digest(config)},
        "layers": [layer],
    }
    repository.put_manifest(signature_tag(manifest), json.dumps(signatures).encode())


def oras(name):
    import oras.client

    return oras.client.OrasClient(hostname=name.split("/", 1)[0], insecure=True)


def main(command, name, tag, what):
    if command == "check":
        check(Repository(name), tag, what)
    elif command == "sign":
        sign(Repository(name), tag, what)
    elif command == "push":
        oras(name).push(
            target=f"{name}:{tag}",
            files=[f"{what}:application/wasm"],
            disable_path_validation=True,
        )
    elif command == "pull":
        oras(name).pull(target=f"{name}:{tag}", outdir=what)
    else:
        sys.exit(__doc__)


main(*sys.argv[1:5])
