#!/usr/bin/env python3
"""`hyfunc bench gpu` beside `reference.py` on the same GPU: started by `gpu.sh`, which says how.

Of a step that a request has several times, all of its times in one request are told together. The paper's
procedure writes one value after another and reads the whole library at every request; hyfunc is told
likewise (one slot after another) and as it serves (all slots beside each other).
"""

import argparse
import json
import os
import pathlib
import site
import subprocess
import sys

import aims
from report import fail, measured, part_of

HERE = pathlib.Path(__file__).resolve().parent

# Steps of the reference, and the rows of `hyfunc bench gpu` in their place: one slot after another, then
# all of them together.
QUERY, SOFT = "large model reads the query", "soft token"
READ = "small model reads query and soft token"
STEPS = {
    "lml": ([QUERY], [QUERY]),
    "retrieve": (["retrieve", SOFT], ["retrieve", SOFT]),
    "lms": ([READ], [READ]),
    "injected": (["injected chunk, one slot"], ["injected chunks, all slots"]),
    "sampled": (["value step, one slot"], ["value step, all slots"]),
    "whole": (["whole request, one slot after another"], ["whole request"]),
}

# An H200 as it was measured elsewhere: 4.3 TB/s of copies, 790 TFLOP/s. Weights of both bodies, the head's
# 2,000 rows, keys and values of a token; all in bytes.
COPY, PRODUCT = 4.3e12, 790e12
LARGE, SMALL, HEAD = 2 * 6_979_321_856, 2 * 440_401_920, 2 * 2000 * 1024
TOKEN_LARGE, TOKEN_SMALL = 131_072, 114_688
PREDICTED = (
    ("large model reads the query", LARGE + 80 * TOKEN_LARGE, 80 * LARGE,
     "5 to 10 times the floor: 80 tokens are ten turns of a GEMV that has no matrix units"),
    ("small model reads query and soft token", SMALL + 781 * TOKEN_SMALL, 81 * SMALL,
     "5 to 15 times: likewise, and 254 launches"),
    ("injected chunks, all slots", SMALL + HEAD + 821 * TOKEN_SMALL, 40 * SMALL, "5 to 10 times"),
    ("value step, all slots", SMALL + HEAD + 837 * TOKEN_SMALL, 4 * SMALL,
     "3 to 6 times: bound by the launches, 254 of 3 to 4 µs"),
)


def sizes(text):
    try:
        found = sorted({int(size) for size in text.split(",")})
    except ValueError:
        raise argparse.ArgumentTypeError("write numbers with commas: 20,200") from None
    if not found or found[0] < 1:
        raise argparse.ArgumentTypeError("numbers begin at 1")
    return found


def predict():
    """Floors of the true shapes on an H200, and what is expected over them, without cuBLASLt and without graphs."""
    print(f"floors at {COPY / 1e12} TB/s and {PRODUCT / 1e12:.0f} TFLOP/s; a prediction for forwards without "
          "cuBLASLt and without graphs, nothing was run")
    for name, moved, computed, expected in PREDICTED:
        floor = max(moved / COPY, computed / PRODUCT) * 1e3
        print(f"  {name:<40}{floor:>8.2f} ms   {expected}")


def libraries():
    """Where pip puts NVIDIA's libraries: cuBLAS says what the device multiplies at best."""
    places = [*site.getsitepackages(), site.getusersitepackages()]
    found = {str(path.parent) for place in places for path in pathlib.Path(place).glob("nvidia/**/libcublas.so*")}
    return [*sorted(found), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]


def measure(arguments):
    """The report of `hyfunc bench gpu`, and its page beside it."""
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries())}
    return measured(arguments.bin, "gpu", "--device", arguments.device,
                    "--functions", ",".join(map(str, arguments.functions)),
                    "--concurrency", ",".join(map(str, arguments.concurrency)),
                    "--html", f"{arguments.out}.html", environment=environment)


def reference(arguments, functions):
    """Medians of the paper's procedure over a library, in milliseconds."""
    out = pathlib.Path(f"{arguments.out}.reference-{functions}.json")
    command = [sys.executable, str(HERE / "reference.py"), "--device", "cuda", "--shapes", "true",
               "--functions", str(functions), "--requests", str(arguments.requests), "--json", str(out)]
    ordinal = arguments.device.partition(":")[2] or "0"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    # As hyfunc counts: among those that are visible.
    chosen = visible[int(ordinal)] if int(ordinal) < len(visible) and visible[0] else ordinal
    done = subprocess.run(command, env={**os.environ, "CUDA_VISIBLE_DEVICES": chosen})
    if done.returncode != 0:
        fail("reference.py failed; its message is above")
    return json.loads(out.read_text())["p50_ms"]


def in_a_request(rows, name, functions):
    """Milliseconds that a request spends on a step in all."""
    for row in rows:
        at = row.get("at", {}).get("count")
        if row["name"] == name and at in (None, functions):
            return row["times"]["p50_us"] / 1e3 * (row["figures"].get("in_a_request", 1) if at is None else 1)
    fail(f"the report has no row `{name}`: it is of another version")


def table(rows, functions, theirs):
    """Lines of a library's table."""
    yield f"{functions:,} functions; half of the requests took at most, in ms"
    yield f"  {'':<10}{'reference':>12}{'one slot after another':>24}{'as it serves':>14}{'times faster':>14}"
    for step, (in_turn, together) in STEPS.items():
        slow, fast = (sum(in_a_request(rows, name, functions) for name in names) for names in (in_turn, together))
        if theirs is None:
            yield f"  {step:<10}{'—':>12}{slow:>24.3f}{fast:>14.3f}"
        else:
            yield f"  {step:<10}{theirs[step]:>12.3f}{slow:>24.3f}{fast:>14.3f}{theirs[step] / fast:>14.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("bin")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--functions", type=sizes, default=[20, 200, 10_000])
    parser.add_argument("--reference-functions", type=sizes, default=[20, 200],
                        help="the reference reads the whole library at every request")
    parser.add_argument("--concurrency", type=sizes, default=[1, 8, 64, 256])
    parser.add_argument("--requests", type=int, default=20, help="of the reference")
    parser.add_argument("--out", default="gpu", help="where JSON and the page go: OUT.json, OUT.html")
    parser.add_argument("--hyfunc", type=pathlib.Path, help="a report of `hyfunc bench gpu --json`, instead of a run")
    parser.add_argument("--theirs", type=pathlib.Path,
                        help="medians of the reference by number of functions, instead of a run")
    parser.add_argument("--predict", action="store_true")
    arguments = parser.parse_args()
    if arguments.predict:
        return predict()
    if not set(arguments.reference_functions) <= set(arguments.functions):
        parser.error("--reference-functions must be among --functions")
    report = json.loads(arguments.hyfunc.read_text()) if arguments.hyfunc else measure(arguments)
    part = part_of(report, "gpu")
    if arguments.theirs:
        theirs = {int(count): found for count, found in json.loads(arguments.theirs.read_text()).items()}
    else:
        theirs = {count: reference(arguments, count) for count in arguments.reference_functions}

    print(f"\n{part['about']}")
    for functions in arguments.functions:
        print("\n".join(table(part["rows"], functions, theirs.get(functions))))
    for row in part["rows"]:
        if row["name"] == "requests":
            times, count = row["times"], row["at"]["count"]
            print(f"{count:>6} at once: {times['per_second']:.0f} requests/s, p50 {times['p50_us'] / 1e3:.1f} ms, "
                  f"p99 {times['p99_us'] / 1e3:.1f} ms (the floor allows {row['figures']['floor_per_second']:.0f}/s)")
    for note in part["notes"]:
        print(f"  ({note})")
    print("\n".join(aims.table(part["rows"], theirs)))
    names = ("measure", "aim", "measured", "verdict")
    verdicts = [dict(zip(names, row)) for row in aims.judged(part["rows"], theirs)]
    both = {"hyfunc": report, "reference_p50_ms": theirs, "aims": verdicts}
    pathlib.Path(f"{arguments.out}.json").write_text(json.dumps(both, indent=1) + "\n")


if __name__ == "__main__":
    main()
