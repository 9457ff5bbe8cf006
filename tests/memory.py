#!/usr/bin/env python3
"""Resident memory of `hyfunc serve`: at rest, and the most under concurrent requests.

    tests/memory.py target/release/hyfunc [--clients 64] [--rounds 4]

Starts the binary on a free loopback port, waits until it is ready, reads VmRSS, then lets every
client send its rounds of chat completions while VmRSS is sampled. Sends clients x rounds requests and
stops by itself.
"""

import argparse
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

QUESTIONS = [
    "how many miles are 42 km?",
    "split 90 dollars between 6 people",
    "what is the average of 12, 15.5, 9 and 20?",
    "turn off the light in the kitchen and lock the front door",
    "who painted the Mona Lisa?",
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def resident_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0.0


def wait_ready(url, server):
    for _ in range(120):
        if server.poll() is not None:
            sys.exit("the server ended before it was ready")
        try:
            urllib.request.urlopen(url + "/readyz", timeout=2)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    sys.exit("the server was not ready within a minute")


def ask(url, rounds, number, statuses):
    for turn in range(rounds):
        body = {
            "model": "hyfunc-tiny",
            "messages": [{"role": "user", "content": QUESTIONS[(number + turn) % len(QUESTIONS)]}],
        }
        request = urllib.request.Request(
            url + "/v1/chat/completions",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
                statuses.append(answer.status)
        except urllib.error.HTTPError as error:
            statuses.append(error.code)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [options.binary, "serve", "--address", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_ready(url, server)
        time.sleep(1)
        rest = resident_mb(server.pid)
        statuses = []
        clients = [
            threading.Thread(target=ask, args=(url, options.rounds, number, statuses))
            for number in range(options.clients)
        ]
        began = time.monotonic()
        for client in clients:
            client.start()
        most = rest
        while any(client.is_alive() for client in clients):
            most = max(most, resident_mb(server.pid))
            time.sleep(0.02)
        took = time.monotonic() - began
    finally:
        server.terminate()
        server.wait(timeout=30)
    counts = {status: statuses.count(status) for status in sorted(set(statuses))}
    print(f"at rest {rest:.0f} MB, under {options.clients} clients {most:.0f} MB")
    print(f"{len(statuses)} answers by status {counts} in {took:.1f} s, {len(statuses) / took:.0f} a second")


main()
