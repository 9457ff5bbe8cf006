"""What came of the requests of one phase."""

import statistics
import threading

from traffic import REFUSALS

# Errors that are kept to be shown.
ERRORS_SHOWN = 5


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.answered = 0
        self.refused = 0
        self.hostile = 0
        self.errors = 0
        self.first_errors = []
        self.faults = set()
        # Of healthy requests: seconds since the beginning, and seconds that they took.
        self.took = []
        # Seconds by which requests left after they were due.
        self.late = []
        # Seconds since the beginning, and megabytes.
        self.resident = []
        self.published = 0
        self.seconds = 0.0
        self.client_cpu_s = 0.0

    def healthy(self, at, took, status, retry_after, wrong):
        with self.lock:
            if status == 200 and not wrong:
                self.answered += 1
                self.took.append((at, took))
            elif status in REFUSALS:
                self.refused += 1
                if retry_after is None:
                    self.faults.add(f"a refusal of {status} without Retry-After")
            else:
                self.fail(wrong or f"status {status}")

    def error(self, reason):
        with self.lock:
            self.fail(reason)

    def fail(self, reason):
        self.errors += 1
        if len(self.first_errors) < ERRORS_SHOWN:
            self.first_errors.append(reason)

    def attack(self, name, status, allowed):
        with self.lock:
            self.hostile += 1
            if status not in allowed:
                self.faults.add(f"{name} got {status}")

    def left(self, late):
        with self.lock:
            self.late.append(late)

    def sample(self, at, megabytes):
        self.resident.append((at, megabytes))

    def quantile(self, share, begin=0.0, end=1.0):
        """Seconds that a share of the answers took that came in a part of the phase; 0 without any."""
        window = (begin * self.seconds, end * self.seconds)
        return quantile([took for at, took in self.took if window[0] <= at <= window[1]], share)

    def memory(self, settle_s):
        """Megabytes after a time to settle and at the end, each the median of a while."""
        settled = [megabytes for at, megabytes in self.resident if at >= settle_s]
        if not settled:
            settled = [megabytes for _, megabytes in self.resident] or [0.0]
        part = max(1, len(settled) // 10)
        return statistics.median(settled[:part]), statistics.median(settled[-part:])


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0
