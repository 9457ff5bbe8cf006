#!/usr/bin/env python3
"""`hyfunc serve` under load: what it can do, 80 % of that with hostile requests among the healthy
ones and a plugin that is replaced again and again, then 300 %.

    tests/soak/soak.py target/release/hyfunc --minutes 3

Fails where an answer is wrong: a healthy request at 80 % that is not answered whole, a refusal that
does not say when to come back, an answer of 5xx to a hostile request, a plugin that cannot be
replaced, memory that grows, a server that does not live on. What took how long is printed and judged
by nobody.
"""

import argparse
import http.client
import itertools
import os
import pathlib
import queue
import random
import sys
import threading
import time

from server import Server
from tally import Tally, quantile
from traffic import HOSTILE, healthy, what_is_wrong

HOSTILE_SHARE = 0.05
SHARE_STEADY = 0.8
SHARE_OVERLOAD = 3.0
CAPACITY_CLIENTS = 16
# Memory is compared with what it was after this long, or after a third of a shorter phase.
SETTLE_S = 300
# Megabytes by which an allocator may differ without anything having grown.
NOISE_MB = 4.0
# Seconds between two lines about a phase that goes on.
TELL_S = 30
# From here on the figures are also those of this client.
LATE_S_MAX = 0.1
CPU_SHARE_MAX = 0.7
WIT = pathlib.Path(__file__).resolve().parents[2] / "plugins/fixtures/conformance/wit"


def ask(server, tally, number, due, began):
    path, body = healthy(number)
    try:
        status, retry_after, answer = server.send("POST", path, body, server.caller)
    except (OSError, http.client.HTTPException) as error:
        return tally.error(type(error).__name__)
    now = time.monotonic()
    wrong = what_is_wrong(path, body, answer) if status == 200 else None
    tally.healthy(now - began, now - due, status, retry_after, wrong)


def attack(server, tally, number):
    kind, allowed = HOSTILE[number % len(HOSTILE)]
    try:
        tally.attack(kind.__name__, kind(server, number), allowed)
    except OSError:
        # Whoever misbehaves may find the connection closed.
        tally.attack(kind.__name__, None, (None,))


def capacity(server, seconds):
    """Requests a second of clients that each wait for their answer."""
    tally = Tally()
    numbers = itertools.count()
    began = time.monotonic()

    def client():
        while time.monotonic() < began + seconds:
            ask(server, tally, next(numbers), time.monotonic(), began)

    run_all([threading.Thread(target=client) for _ in range(CAPACITY_CLIENTS)])
    if tally.errors or tally.refused or not tally.answered:
        sys.exit(f"measuring the capacity failed: {tally.refused} refused, errors {tally.first_errors}")
    return tally.answered / (time.monotonic() - began)


def run_all(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def replace_plugin(server, tally, pause_s, stop):
    """Another revision every so often, until it is told to stop."""
    while not stop.wait(pause_s):
        try:
            wrong = server.publish()
        except (OSError, http.client.HTTPException) as error:
            wrong = f"publishing: {type(error).__name__}"
        tally.published += 1
        if wrong:
            tally.faults.add(wrong)


def offer(server, name, rate, seconds, hostile_share, options):
    """So many requests a second whether or not earlier ones are done."""
    tally = Tally()
    jobs = queue.SimpleQueue()
    dice = random.Random(7)
    began, cpu = time.monotonic(), time.process_time()

    def client():
        while (job := jobs.get()) is not None:
            number, due, is_hostile = job
            tally.left(time.monotonic() - due)
            if is_hostile:
                attack(server, tally, number)
            else:
                ask(server, tally, number, due, began)

    threads = [threading.Thread(target=client, daemon=True) for _ in range(options.clients)]
    stop = threading.Event()
    threads.append(threading.Thread(target=replace_plugin, args=(server, tally, options.reload_seconds, stop)))
    for thread in threads:
        thread.start()
    sampled = told = began
    attacks = 0
    for number in range(int(rate * seconds)):
        due = began + number / rate
        while (now := time.monotonic()) < due:
            time.sleep(min(due - now, 0.05))
        if now - sampled >= 1.0:
            tally.sample(now - began, server.resident_mb())
            sampled = now
        if now - told >= TELL_S:
            tell(name, tally, now - began, seconds)
            told = now
        is_hostile = dice.random() < hostile_share
        # Each kind in turn: a number of a request would give some of them alone.
        jobs.put((attacks if is_hostile else number, due, is_hostile))
        attacks += is_hostile
    stop.set()
    for _ in range(options.clients):
        jobs.put(None)
    for thread in threads:
        thread.join()
    # With the time that it takes to answer the last of them.
    tally.seconds = time.monotonic() - began
    tally.sample(tally.seconds, server.resident_mb())
    tally.client_cpu_s = time.process_time() - cpu
    return tally


def tell(name, tally, at, seconds):
    megabytes = tally.resident[-1][1] if tally.resident else 0.0
    print(
        f"{name}: {at:.0f} of {seconds:.0f} s, {tally.answered} answered, {tally.refused} refused, "
        f"{tally.errors} errors, {tally.hostile} hostile, {tally.published} replaced, {megabytes:.0f} MB",
        file=sys.stderr,
        flush=True,
    )


def settle_s(tally):
    return min(SETTLE_S, tally.seconds / 3)


def growth(tally):
    """Megabytes and percent by which memory grew after it had settled."""
    settled, last = tally.memory(settle_s(tally))
    return last - settled, 100 * (last / settled - 1) if settled else 0.0


HEAD = (
    "phase    seconds     sent       ok  refused  errors  hostile  replaced  goodput/s   p50 ms   p99 ms "
    " p99 first/last third   RSS MB  grown %"
)


def row(name, tally):
    sent = tally.answered + tally.refused + tally.errors
    _, last = tally.memory(settle_s(tally))
    ms = lambda *part: 1e3 * tally.quantile(*part)  # noqa: E731
    thirds = f"{ms(0.99, 0, 1 / 3):.0f} / {ms(0.99, 2 / 3, 1):.0f}"
    print(
        f"{name:<8} {tally.seconds:>7.0f} {sent:>8} {tally.answered:>8} {tally.refused:>8} {tally.errors:>7} "
        f"{tally.hostile:>8} {tally.published:>9} {tally.answered / tally.seconds:>10.1f} {ms(0.5):>8.0f} "
        f"{ms(0.99):>8.0f} {thirds:>21} {last:>8.0f} {growth(tally)[1]:>+8.1f}"
    )


def client_notes(name, tally):
    """What of the figures may be this client's own."""
    late, share = quantile(tally.late, 0.99), tally.client_cpu_s / tally.seconds
    cores = os.cpu_count() or 1
    print(f"{name}: the client took {100 * share:.0f} % of one of {cores} cores; 99 of 100 requests left at "
          f"most {1e3 * late:.0f} ms late")
    if share > CPU_SHARE_MAX:
        print(f"NOTE: at {name} this client was at its own limit: the server could have done more")
    elif late > LATE_S_MAX:
        print(f"NOTE: at {name} requests left late, which their latency includes: more --clients, or a machine "
              "on which nothing else runs")


def judge(steady, overload, options):
    faults = sorted(steady.faults | overload.faults)
    if steady.errors or steady.refused or not steady.answered:
        faults.append(
            f"at 80 %: {steady.answered} answered, {steady.refused} healthy requests refused, "
            f"{steady.errors} errors, as {steady.first_errors}"
        )
    if overload.errors:
        faults.append(f"at 300 %: {overload.errors} errors that are no refusals, as {overload.first_errors}")
    if not steady.hostile:
        faults.append("no hostile request was sent: run for longer")
    megabytes, percent = growth(steady)
    if percent > options.growth_percent_max and megabytes > NOISE_MB:
        faults.append(
            f"memory grew by {megabytes:.1f} MB ({percent:.1f} %) after {settle_s(steady):.0f} s at 80 %, more "
            f"than {options.growth_percent_max:g} %"
        )
    return faults


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--minutes", type=float, default=30.0, help="at 80 %% [default: 30]")
    parser.add_argument("--overload-seconds", type=float, default=60.0, help="at 300 %% [default: 60]")
    parser.add_argument("--capacity-seconds", type=float, default=10.0, help="to find what it can do [default: 10]")
    parser.add_argument("--rate", type=float, help="requests a second that are 100 %%, instead of finding them out")
    parser.add_argument("--reload-seconds", type=float, default=20.0,
                        help="between two revisions of the plugin [default: 20]")
    parser.add_argument("--clients", type=int, default=512, help="connections at once, at most [default: 512]")
    parser.add_argument("--growth-percent-max", type=float, default=3.0, help="of memory [default: 3]")
    parser.add_argument("--component", help="the plugin's component, with the functions of plugins/fixtures/conformance")
    options = parser.parse_args()
    for name in ("minutes", "overload_seconds", "capacity_seconds", "reload_seconds", "clients"):
        if getattr(options, name) <= 0:
            parser.error(f"--{name.replace('_', '-')} must be more than 0")
    if options.rate is not None and options.rate <= 0:
        parser.error("--rate must be more than 0")
    return options


def phases(server, options):
    server.wait_ready()
    if wrong := server.publish():
        sys.exit(wrong)
    rate = options.rate
    if rate is None:
        capacity(server, options.capacity_seconds / 2)  # the first requests pay for what is made only once
        rate = capacity(server, options.capacity_seconds)
    steady = offer(server, "80 %", SHARE_STEADY * rate, 60 * options.minutes, HOSTILE_SHARE, options)
    overload = offer(server, "300 %", SHARE_OVERLOAD * rate, options.overload_seconds, 0.0, options)
    print(f"capacity: {rate:.1f} requests a second with {CAPACITY_CLIENTS} clients; {os.cpu_count()} cores, the "
          "client among them\n")
    print(HEAD)
    row("80 %", steady)
    row("300 %", overload)
    print(f"\ngoodput at 300 %: {100 * overload.answered / overload.seconds / rate:.0f} % of capacity")
    client_notes("80 %", steady)
    client_notes("300 %", overload)
    faults = judge(steady, overload, options)
    last = Tally()
    ask(server, last, 0, time.monotonic(), time.monotonic())
    if not last.answered:
        faults.append(f"after all that, a healthy request is not answered: {last.first_errors}")
    return faults


def main():
    options = read_options()
    threading.stack_size(256 * 1024)
    server = Server(options.binary, WIT, options.component)
    faults = ["it did not come to its end"]
    try:
        faults = phases(server, options)
    finally:
        ended = server.stop()
    if ended:
        faults.append(ended)
    for fault in faults:
        print(f"WRONG: {fault}")
    print("all answers were right" if not faults else f"{len(faults)} things are wrong")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
