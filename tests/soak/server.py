"""`hyfunc serve` on free ports with keys, and a plugin that can be replaced while it serves."""

import hashlib
import http.client
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

# Longest wait for any answer, and for the end of the process.
TIMEOUT_S = 60
# Longest wait until it serves: the first start compiles the bundled plugins.
READY_S = 180
PLUGIN = "soak"
# A function of the plugin that takes nothing.
FUNCTION = "test_simple_text"


class Server:
    """The binary, its folder, and whoever may call it and publish."""

    def __init__(self, binary, wit, component=None):
        self.binary = binary
        self.folder = tempfile.TemporaryDirectory(prefix="hyfunc-soak-")
        folder = pathlib.Path(self.folder.name)
        self.log = folder / "server.log"
        self.component = self.pack(component or guest_beside(binary), wit)
        self.revision = 0
        keys = folder / "keys.toml"
        self.caller = self.create_key(keys, "caller", "call")
        self.publisher = self.create_key(keys, "publisher", "publish")
        self.port, self.admin_port = free_port(), free_port()
        settings = {
            "telemetry.log": "error",
            "library.dir": folder / "library",
            "admin.address": f"127.0.0.1:{self.admin_port}",
            # Nothing of this is to stay in the cache of whoever runs it.
            "sandbox.aot_dir": folder / "aot",
            "models.prepared_dir": folder / "prepared",
        }
        command = [binary, "serve", "--address", f"127.0.0.1:{self.port}", "--keys", str(keys)]
        for name, value in settings.items():
            command += ["--set", f"{name}={value}"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def run(self, *arguments):
        done = subprocess.run([self.binary, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT_S)
        if done.returncode:
            raise SystemExit(f"hyfunc {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def pack(self, component, wit):
        packed = pathlib.Path(self.folder.name) / "soak.wasm"
        self.run("plugin", "pack", component, "--wit", wit, "-o", packed)
        return packed.read_bytes()

    def create_key(self, file, name, role):
        return self.run("key", "create", name, "--role", role, "--file", file).split()[-1]

    def wait_ready(self):
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended before it was ready:\n{self.log.read_text()}")
            try:
                if self.send("GET", "/readyz")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.25)
        raise SystemExit(f"the server was not ready within {READY_S} s:\n{self.log.read_text()}")

    def send(self, method, path, body=None, key=None):
        """Status, Retry-After and body of one request on a connection of its own."""
        headers = {"content-type": "application/json"}
        if key:
            headers["authorization"] = f"Bearer {key}"
        return exchange(self.port, method, path, body, headers)

    def raw(self, data, wait_s=None):
        """Sends bytes. With `wait_s` leaves without an answer after that long, else gives its status."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S) as connection:
            connection.sendall(data)
            if wait_s is not None:
                time.sleep(wait_s)
                return None
            head = connection.recv(64)
            return int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else None

    def publish(self):
        """Puts another revision of the plugin in the place of the one that serves."""
        self.revision += 1
        component = self.component + custom_section("soak", str(self.revision).encode())
        headers = {
            "authorization": f"Bearer {self.publisher}",
            "x-hyfunc-digest": f"sha256:{hashlib.sha256(component).hexdigest()}",
        }
        status, _, body = exchange(self.admin_port, "PUT", f"/v1/plugins/{PLUGIN}", component, headers)
        return None if status in (200, 201) else f"publishing got {status}: {body[:200].decode(errors='replace')}"

    def resident_mb(self):
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                for line in status:
                    if line.startswith("VmRSS"):
                        return int(line.split()[1]) / 1024
        except OSError:
            pass
        return 0.0

    def stop(self):
        """Asks it to end. Gives what is wrong with how it ended."""
        ended = self.process.poll()
        if ended is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                ended = self.process.wait(timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                ended = "no end"
        said = self.log.read_text(errors="replace").strip()[-2_000:]
        self.folder.cleanup()
        return None if ended == 0 else f"the server ended with {ended}: {said}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def exchange(port, method, path, body, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.getheader("retry-after"), response.read()
    finally:
        connection.close()


def guest_beside(binary):
    """The build leaves every guest beside the binary, those of tests as well."""
    folder = pathlib.Path(binary).resolve().parent / "guests/wasm32-wasip2/release"
    guest = folder / "hyfunc_fixture_conformance.wasm"
    if not guest.is_file():
        raise SystemExit(f"{guest} is missing: build the binary with cargo build --release --bin hyfunc, or name a "
                         "component by --component")
    return guest


def custom_section(name, data):
    """Bytes that a component may end with and that nobody reads: they make it another one."""
    named = leb128(len(name)) + name.encode() + data
    return b"\0" + leb128(len(named)) + named


def leb128(number):
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)
