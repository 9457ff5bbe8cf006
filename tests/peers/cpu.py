#!/usr/bin/env python3
"""`hyfunc bench request` beside `reference.py` at the shapes of the tiny models: started by `cpu.sh`.

What is alike: the machine, the run, the models' shapes, the number of functions and the mean length of a
query. What is not: the reference's call is always the paper's (4 values of 5 tokens, 40 tokens of fixed
text, 5 schemas of 140 tokens), hyfunc's calls are those of the bundled functions' examples, mostly
shorter; hyfunc's whole takes the request apart, runs the call in its sandbox and writes the answer, the
reference's ends with the tokens; the reference's weights are random, and torch takes all cores for one
request (`--threads`), where hyfunc takes one.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from report import fail, measured, part_of

HERE = pathlib.Path(__file__).resolve().parent

# Rows of `hyfunc bench request`, and the steps of the reference in their place.
STEPS = {
    "accept": (), "distil": ("lml",), "retrieve": ("retrieve",), "decode": ("lms", "injected", "sampled"),
    "dispatch": (), "whole": ("whole",),
}


def reference(arguments, functions, query_tokens):
    """What `reference.py` found at the same shapes."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "reference.json")
        command = [sys.executable, str(HERE / "reference.py"), "--device", "cpu", "--shapes", "tiny",
                   "--functions", str(functions), "--query-tokens", str(query_tokens),
                   "--requests", str(arguments.requests), "--json", str(out)]
        if arguments.threads:
            command += ["--threads", str(arguments.threads)]
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode != 0:
            fail("reference.py failed; its message is above")
        return json.loads(out.read_text())


def figure(rows, row, name):
    for found in rows:
        if found["name"] == row and name in found["figures"]:
            return found["figures"][name]
    fail(f"the report has no `{name}` in its row `{row}`: it is of another version")


def table(rows, theirs):
    """Lines: each step, in milliseconds."""
    yield f"  {'half of them took at most':<28}{'reference':>12}{'hyfunc':>12}{'times':>8}"
    times = {row["name"]: row["times"]["p50_us"] / 1e3 for row in rows if row.get("times")}
    for name, parts in STEPS.items():
        if name not in times:
            continue
        if parts:
            slow = sum(theirs[part] for part in parts)
            yield f"  {name:<28}{slow:>9.3f} ms{times[name]:>9.3f} ms{slow / times[name]:>8.1f}"
        else:
            yield f"  {name:<28}{'—':>12}{times[name]:>9.3f} ms{'—':>8}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("bin")
    parser.add_argument("--requests", type=int, default=20, help="of the reference")
    parser.add_argument("--threads", type=int, help="of torch; its own choice if left out")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--hyfunc", type=pathlib.Path, help="a report of `hyfunc bench request --json`, instead of a run")
    parser.add_argument("--theirs", type=pathlib.Path, help="what `reference.py --json` wrote, instead of a run")
    arguments = parser.parse_args()
    report = json.loads(arguments.hyfunc.read_text()) if arguments.hyfunc else measured(arguments.bin, "request")
    part = part_of(report, "request")
    functions = round(figure(part["rows"], "retrieve", "functions"))
    query_tokens = max(1, round(figure(part["rows"], "distil", "query_tokens")))
    if arguments.theirs:
        theirs = json.loads(arguments.theirs.read_text())
    else:
        theirs = reference(arguments, functions, query_tokens)
    machine = report["machine"]
    print(f"{machine['cpu']}, {machine['cores']} cores, {machine['date']}: {functions} functions, queries of "
          f"{query_tokens} tokens, the tiny models' shapes; torch {theirs['versions']['torch']} with "
          f"{theirs['threads']} threads")
    print("\n".join(table(part["rows"], theirs["p50_ms"])))
    print("  (calls are not alike: cpu.py says how)")
    if arguments.json:
        arguments.json.write_text(json.dumps({"hyfunc": report, "reference": theirs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
