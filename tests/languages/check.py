"""Calls a component of plugins/ with its cases, and holds what it says to what is written there.

    check.py HYFUNC COMPONENT CASES

A case is a line of JSON: the function (`call`), its `arguments`, and one of `result`, `error` (of
the WIT's `result`) and `refused` (a part of the gateway's message: the arguments do not fit). Every
@example of every function must have a case, so that each is checked beyond that it runs.
"""

import json
import subprocess
import sys
from pathlib import Path


def hyfunc(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def outcome(binary, component, case):
    """What a call came to, in the words of a case."""
    arguments = json.dumps(case["arguments"])
    ran = hyfunc(binary, "plugin", "call", component, case["call"], arguments, "--json")
    if ran.returncode != 0:
        return {"refused": ran.stderr.strip()}
    answer = json.loads(ran.stdout)
    return {key: answer[key] for key in ("result", "error") if key in answer}


def is_met(case, found):
    if "refused" in case:
        return case["refused"] in found.get("refused", "")
    wanted = {key: case[key] for key in ("result", "error") if key in case}
    return len(wanted) == 1 and wanted == found


def uncovered(binary, component, cases):
    """Every @example that no case of a result stands for."""
    inspected = hyfunc(binary, "plugin", "inspect", component, "--json")
    if inspected.returncode != 0:
        yield f"cannot be inspected: {inspected.stderr}"
        return
    calls = [case for case in cases if "result" in case]
    for function in json.loads(inspected.stdout)["functions"]:
        if not function["examples"]:
            yield f"{function['name']} has no example"
        for example in function["examples"]:
            fits = (
                function["name"].endswith(f"_{case['call'].replace('-', '_')}")
                and case["arguments"] == example["arguments"]
                for case in calls
            )
            if not any(fits):
                yield f"no case for the example \"{example['utterance']}\""


def main():
    binary, component, path = sys.argv[1:]
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines if line.strip()]
    wrong = list(uncovered(binary, component, cases))
    for case in cases:
        found = outcome(binary, component, case)
        if not is_met(case, found):
            wrong.append(f"{json.dumps(case, ensure_ascii=False)}\n    found {found}")
    for line in wrong:
        print(f"WRONG: {line}")
    print(f"{component}: {len(cases)} cases, {len(wrong)} wrong")
    return 1 if wrong or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
