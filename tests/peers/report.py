"""What `hyfunc bench` reports, for the scripts that put something beside it."""

import json
import pathlib
import subprocess
import sys


def fail(message):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {message}")


def measured(binary, part, *options, environment=None):
    """The report of a run of one part."""
    command = [binary, "bench", part, "--json", *options]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, text=True)
    except OSError as error:
        fail(f"{binary} does not start: {error}")
    if done.returncode != 0:
        fail(f"hyfunc bench {part} failed; its message is above")
    return json.loads(done.stdout)


def part_of(report, name):
    for part in report["parts"]:
        if part["part"] == name:
            return part
    fail(f"the report has no part `{name}`")
