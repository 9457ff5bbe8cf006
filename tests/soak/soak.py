#!/usr/bin/env python3
"""`hyfunc serve` under load: what it can do, 80 % of that with hostile requests among the healthy
ones, then 300 %.

    tests/soak/soak.py target/release/hyfunc [--minutes 0.5]

Fails where an answer is wrong: a healthy request at 80 % that is not answered, a refusal that does
not say when to come back, an answer of 5xx to a hostile request, a server that does not live on.
What took how long is printed and judged by nobody.
"""

import argparse
import http.client
import itertools
import json
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time

QUESTIONS = [
    "how many miles are 42 km?",
    "split 90 dollars between 6 people",
    "what is the average of 12, 15.5, 9 and 20?",
    "turn off the light in the kitchen and lock the front door",
    "who painted the Mona Lisa?",
]
PATH = "/v1/chat/completions"
HOSTILE_SHARE = 0.05
CAPACITY_CLIENTS = 16
CAPACITY_S = 5
SHARE_STEADY = 0.8
SHARE_OVERLOAD = 3.0
TIMEOUT_S = 60
SLOW_S = 1.0
REFUSALS = (429, 503)


class Server:
    """The binary on a free port."""

    def __init__(self, binary):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [binary, "serve", "--address", f"127.0.0.1:{self.port}", "--set", "telemetry.log=error"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait_ready(self):
        for _ in range(240):
            if self.process.poll() is not None:
                sys.exit("the server ended before it was ready")
            try:
                if self.send("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.5)
        sys.exit("the server was not ready within two minutes")

    def send(self, method, path, body=None, headers=None):
        """Status and Retry-After of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            response.read()
            return response.status, response.getheader("retry-after")
        finally:
            connection.close()

    def raw(self, data, wait_s=None):
        """Sends bytes; with `wait_s` leaves without an answer after that long, else gives its status."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S) as connection:
            connection.sendall(data)
            if wait_s is not None:
                time.sleep(wait_s)
                return None
            head = connection.recv(64)
            return int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else None

    def resident_mb(self):
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                for line in status:
                    if line.startswith("VmRSS"):
                        return int(line.split()[1]) / 1024
        except OSError:
            pass
        return 0.0


def question(number):
    content = QUESTIONS[number % len(QUESTIONS)]
    body = {"model": "hyfunc-tiny", "messages": [{"role": "user", "content": content}]}
    if number % 4 == 0:
        body["stream"] = True
    return json.dumps(body).encode()


def head(number, length, extra=""):
    return (
        f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {length}\r\n{extra}\r\n"
    ).encode()


def oversized(server, number):
    return server.raw(head(number, 1 << 30) + b"{")


def slow(server, number):
    return server.raw(head(number, 1_000) + b'{"model"', SLOW_S)


def aborted(server, number):
    body = question(number)
    return server.raw(head(number, len(body)) + body, 0.0)


def malformed(server, number):
    kinds = [b'{"model": ', b"\xff\xfe", b'{"model": "x", "model": "y"}', b"[" * 500, b"{}"]
    body = kinds[number % len(kinds)]
    return server.raw(head(number, len(body)) + body)


def unauthorised(server, number):
    body = question(number)
    return server.raw(head(number, len(body), "origin: https://evil.example\r\n") + body)


# What is answered, when anything is; None is a connection without an answer.
HOSTILE = [
    (oversized, (413, None)),
    (slow, (None,)),
    (aborted, (None,)),
    (malformed, (400, 429, None)),
    (unauthorised, (401, 403, None)),
]


class Tally:
    """What came of the requests of one phase."""

    def __init__(self):
        self.lock = threading.Lock()
        self.took = []
        self.refused = 0
        self.hostile = 0
        self.errors = []
        self.faults = []
        self.resident = []

    def healthy(self, took, status, retry_after):
        with self.lock:
            if status == 200:
                self.took.append(took)
            elif status in REFUSALS:
                self.refused += 1
                if retry_after is None:
                    self.faults.append(f"a refusal of {status} without Retry-After")
            else:
                self.errors.append(str(status))

    def error(self, reason):
        with self.lock:
            self.errors.append(reason)

    def attack(self, name, status, allowed):
        with self.lock:
            self.hostile += 1
            if status not in allowed:
                self.faults.append(f"{name} got {status}")

    def quantile(self, share):
        took = sorted(self.took)
        return took[min(len(took) - 1, int(share * len(took)))] if took else float("nan")


def ask(server, tally, number, due):
    try:
        status, retry_after = server.send("POST", PATH, question(number), {"content-type": "application/json"})
        tally.healthy(time.monotonic() - due, status, retry_after)
    except (OSError, http.client.HTTPException) as error:
        tally.error(type(error).__name__)


def attack(server, tally, number):
    kind, allowed = HOSTILE[number % len(HOSTILE)]
    try:
        tally.attack(kind.__name__, kind(server, number), allowed)
    except OSError:
        # Whoever misbehaves may find the connection closed.
        tally.attack(kind.__name__, allowed[0], allowed)


def capacity(server):
    """Requests a second of clients that each wait for their answer."""
    tally = Tally()
    numbers = itertools.count()
    until = time.monotonic() + CAPACITY_S

    def client():
        while time.monotonic() < until:
            ask(server, tally, next(numbers), time.monotonic())

    run_all([threading.Thread(target=client) for _ in range(CAPACITY_CLIENTS)])
    if tally.errors or tally.refused:
        sys.exit(f"measuring the capacity failed: {tally.refused} refused, errors {tally.errors[:5]}")
    return len(tally.took) / CAPACITY_S


def run_all(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def offer(server, rate, seconds, hostile_share, clients):
    """So many requests a second whether or not earlier ones are done."""
    tally = Tally()
    jobs = queue.SimpleQueue()
    dice = random.Random(7)

    def client():
        while (job := jobs.get()) is not None:
            number, due, is_hostile = job
            if is_hostile:
                attack(server, tally, number)
            else:
                ask(server, tally, number, due)

    threads = [threading.Thread(target=client, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    sampled = began
    for number in range(int(rate * seconds)):
        due = began + number / rate
        while (now := time.monotonic()) < due:
            time.sleep(min(due - now, 0.05))
        if now - sampled >= 1.0:
            tally.resident.append(server.resident_mb())
            sampled = now
        jobs.put((number, due, dice.random() < hostile_share))
    for _ in threads:
        jobs.put(None)
    for thread in threads:
        thread.join()
    tally.resident.append(server.resident_mb())
    tally.seconds = time.monotonic() - began
    return tally


def row(name, tally):
    settled = tally.resident[len(tally.resident) // 4 :] or [0.0]
    growth = 100 * (settled[-1] / settled[0] - 1) if settled[0] else float("nan")
    sent = len(tally.took) + tally.refused + len(tally.errors)
    print(
        f"{name:<10} {sent:>8} {len(tally.took):>8} {tally.refused:>8} {len(tally.errors):>7} "
        f"{tally.hostile:>8} {1e3 * tally.quantile(0.5):>8.0f} {1e3 * tally.quantile(0.99):>8.0f} "
        f"{len(tally.took) / tally.seconds:>9.1f} {settled[-1]:>8.0f} {growth:>+7.1f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--minutes", type=float, default=0.5, help="of the steady phase")
    parser.add_argument("--overload-seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=512, help="connections at once, at most")
    options = parser.parse_args()
    threading.stack_size(256 * 1024)
    server = Server(options.binary)
    faults = []
    try:
        server.wait_ready()
        capacity(server)  # the first requests pay for what is made only once
        rate = capacity(server)
        print(f"capacity: {rate:.1f} requests a second with {CAPACITY_CLIENTS} clients\n")
        steady = offer(server, SHARE_STEADY * rate, 60 * options.minutes, HOSTILE_SHARE, options.clients)
        overload = offer(server, SHARE_OVERLOAD * rate, options.overload_seconds, 0.0, options.clients)
        print("phase          sent       ok  refused  errors  hostile   p50 ms   p99 ms  goodput/s   RSS MB  grown %")
        row("80 %", steady)
        row("300 %", overload)
        print(f"\ngoodput at 300 %: {100 * len(overload.took) / overload.seconds / rate:.0f} % of capacity")
        if steady.errors or steady.refused:
            faults.append(f"at 80 %: {steady.refused} healthy requests refused, errors {steady.errors[:5]}")
        if overload.errors:
            faults.append(f"at 300 %: errors that are no refusals: {overload.errors[:5]}")
        if not steady.hostile:
            faults.append("no hostile request was sent: run for longer")
        faults += steady.faults + overload.faults
        if server.send("POST", PATH, question(1), {"content-type": "application/json"})[0] != 200:
            faults.append("after all that, a healthy request is not answered")
    finally:
        server.process.send_signal(signal.SIGTERM)
        try:
            ended = server.process.wait(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.process.kill()
            ended = "no end"
    if ended != 0:
        faults.append(f"the server ended with {ended}")
    for fault in sorted(set(faults)):
        print(f"WRONG: {fault}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
