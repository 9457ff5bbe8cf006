"""The benchmark's own checker over predictions, without the SDKs of thirty providers.

python -c SCRIPT folder              where the benchmark's data lies
python -c SCRIPT score < FILE        one line a row: {"id", "valid", "error_type"}
"""
import collections
import json
import os
import sys
import tempfile
import types
from pathlib import Path

# The package makes folders where this says as soon as it is imported.
scratch = tempfile.TemporaryDirectory()
os.environ.setdefault("BFCL_PROJECT_ROOT", scratch.name)


class Anything(dict):
    """Any model's entry: names of functions keep their dots."""

    def __missing__(self, key):
        return types.SimpleNamespace(underscore_to_dot=False)


# The real table imports every provider's SDK, and the checker reads one flag of it.
table = types.ModuleType("bfcl_eval.constants.model_config")
table.MODEL_CONFIG_MAPPING = Anything()
sys.modules["bfcl_eval.constants.model_config"] = table

import bfcl_eval
from bfcl_eval.constants.enums import Language
from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker

DATA = Path(bfcl_eval.__file__).parent / "data"
WITH_ANSWERS = [
    "simple_python", "multiple", "parallel", "parallel_multiple",
    "live_simple", "live_multiple", "live_parallel", "live_parallel_multiple",
]
WITHOUT_ANSWERS = ["irrelevance", "live_irrelevance", "live_relevance"]


def rows(path):
    text = Path(path).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def decoded(result):
    if isinstance(result, str):
        result = json.loads(result)
    calls = []
    for call in [result] if isinstance(result, dict) else result:
        if set(call) >= {"name", "arguments"}:
            name, arguments = call["name"], call["arguments"]
        else:
            ((name, arguments),) = call.items()
        calls.append({name: json.loads(arguments) if isinstance(arguments, str) else arguments})
    return calls


def verdict(category, question, answer, result):
    try:
        calls = decoded(result)
    except Exception:
        calls = None
    if category == "live_relevance":
        return bool(calls), "relevance"
    if category in WITHOUT_ANSWERS:
        return not calls, "relevance"
    if calls is None:
        return False, "ast_decoder:decoder_failed"
    try:
        found = ast_checker(question["function"], calls, answer, Language.PYTHON, category, "x")
    except Exception:
        return False, "checker_crashed"
    return found["valid"], found.get("error_type", "")


def score(lines):
    predicted = [json.loads(line) for line in lines if line.strip()]
    results = {row["id"]: row["result"] for row in predicted}
    for category in WITH_ANSWERS + WITHOUT_ANSWERS:
        answers = collections.defaultdict(list)
        if category in WITH_ANSWERS:
            for row in rows(DATA / "possible_answer" / f"BFCL_v4_{category}.json"):
                answers[row["id"]] = row["ground_truth"]
        for question in rows(DATA / f"BFCL_v4_{category}.json"):
            id = question["id"]
            if id in results:
                valid, error_type = verdict(category, question, answers[id], results[id])
                error_type = "" if valid else error_type
                print(json.dumps({"id": id, "valid": valid, "error_type": error_type}))


if sys.argv[1] == "folder":
    print(DATA)
else:
    score(sys.stdin.buffer.read().decode("utf-8").split("\n"))
