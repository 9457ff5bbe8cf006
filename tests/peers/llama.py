#!/usr/bin/env python3
"""One call by hyfunc's stock preset beside the same call by llama.cpp.

    tests/peers/llama.py target/release/hyfunc [--shape qwen3-0.6b|small] [--requests 10]
                         [--threads N] [--work FOLDER] [--json FILE]

What makes it fair, and what does not
- The weights are random, so no text means anything; how long a step takes does not depend on what the
  weights are. Both sides read the same file (GGUF, Q8_0) with the same number of threads, one request
  at a time.
- Random weights would never choose to stop. So every value has one length, whatever the weights: the
  function takes four integers from 10000 to 99999. A digit is a token by itself (as with Qwen), so both
  sides write 4 x 5 = 20 tokens of values, and the text of the call is the same but for the digits.
- What hyfunc injects (names, quotes, brackets), llama.cpp writes token by token under its grammar: that
  is the difference to be measured, and no handicap put upon it. Its grammar comes in two forms:
  `LlamaGrammar.from_json_schema`, as its users have it, which may allow white space or numbers of other
  lengths, depending on the version; and a grammar written out here, without any choice but digits, which
  is the least that it can be asked.
- Under a grammar, random weights write names in whatever pieces the grammar admits, mostly letter by
  letter; a trained model would write the tokens that its tokenizer cuts. So times under a grammar are
  also given for as many tokens as the tokenizer makes of the call (time x those / those written, which
  takes some of the prompt's time away as well, in llama.cpp's favour). The ratio that counts is that
  of the least grammar, put so.
- llama-cpp-python holds the grammar against the whole vocabulary at every token. So that nobody takes
  this for the model's time, the same number of tokens is read a third time one by one with no grammar
  and no sampling at all: no program that writes token by token can be faster with these kernels.
- Both keep what they read of the functions: a request is new only in its query. llama-cpp-python finds
  the common prefix by itself. No query holds a digit, so hyfunc's drafts from the query find nothing.
- hyfunc's time is that of decoding (`hyfunc bench stock`): from the request to the typed call, without
  HTTP. llama.cpp's is that of `create_completion`: without HTTP, and without reading the JSON.
- hyfunc also asks the model whether to call at all, with the whole head; llama.cpp is told to call.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy

import checkpoint

FUNCTION = "trips_book"
SLOTS = ["guests", "nights", "budget", "rooms"]
LEAST, MOST = 10_000, 99_999
VALUE_TOKENS = 20
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"const": FUNCTION},
        "arguments": {
            "type": "object",
            "properties": {
                slot: {"type": "integer", "minimum": LEAST, "maximum": MOST} for slot in SLOTS
            },
            "required": SLOTS,
        },
    },
    "required": ["name", "arguments"],
}
# As `gateway/src/bench/stock.rs` asks.
QUERY = (
    "please book the long trip by train and ship that we talked about last week for everybody who "
    "wants to come along, and let me know what it costs in all; the request has the number"
)
NUMBERS = "zero one two three four five six seven eight nine".split()
CONTEXT_TOKENS = 2048
COMPLETION_TOKENS_MAX = 256
READ_BYTES = 512 << 20
READ_ROUNDS = 5


def grammar_text():
    """GBNF of the one call, in which nothing but digits is left open."""
    slots = r' ", " '.join(rf'"\"{slot}\": " value' for slot in SLOTS)
    return (
        rf'root ::= "{{\"name\": \"{FUNCTION}\", \"arguments\": {{" {slots} "}}}}"' "\n"
        "value ::= [1-9] [0-9] [0-9] [0-9] [0-9]\n"
    )


def query(turn):
    return " ".join([QUERY, *(NUMBERS[int(digit)] for digit in str(turn))])


def prompt(turn):
    """As the checkpoint's chat template has it."""
    parameters = SCHEMA["properties"]["arguments"]
    function = {"name": FUNCTION, "description": "Book a trip for a group", "parameters": parameters}
    tool = json.dumps({"type": "function", "function": function})
    return (
        "<|im_start|>system\nFunctions that may be called, a line each:\n<tools>\n"
        f"{tool}\n</tools>\nA call is written as <tool_call> "
        '{"name": ..., "arguments": ...} </tool_call>.<|im_end|>\n'
        f"<|im_start|>user\n{query(turn)}<|im_end|>\n<|im_start|>assistant\n<tool_call>\n"
    )


def read_bytes_per_second(threads):
    numbers = numpy.ones(READ_BYTES // 8, dtype=numpy.uint64)
    parts = numpy.array_split(numbers, threads)
    best = 0.0
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for _ in range(READ_ROUNDS):
            began = time.perf_counter()
            list(pool.map(numpy.sum, parts))
            best = max(best, READ_BYTES / (time.perf_counter() - began))
    return best


def sizes(shape):
    """Bytes of the layers and of the head in Q8_0: 34 for each 32 weights; norms in f32."""
    layers = head = 0
    for theirs, _, size in checkpoint.tensors(shape):
        count = int(numpy.prod(size))
        held = 4 * count if len(size) == 1 else count // 32 * 34
        if theirs == "model.embed_tokens":
            head += held
        else:
            layers += held
    return layers, head


def predicted(shape, bytes_per_second, call_tokens):
    """What each side must read for one call, in bytes, and how long that takes at least."""
    layers, head = sizes(shape)
    # The query in one step, and every token of the call in one of its own.
    steps = 1 + call_tokens
    theirs = steps * (layers + head)
    # The query; for each value what stands before it and its digits but for the last, which is read
    # with what follows. The whole head once, to decide whether to call.
    own_steps = 1 + len(SLOTS) * (VALUE_TOKENS // len(SLOTS))
    own = own_steps * layers + head
    milliseconds = lambda count: count / bytes_per_second * 1e3
    return {
        "layers_bytes": layers,
        "head_bytes": head,
        "read_bytes_per_second": bytes_per_second,
        "call_tokens": call_tokens,
        "hyfunc": {"steps": own_steps, "bytes": own, "ms": milliseconds(own)},
        "llama.cpp": {"steps": steps, "bytes": theirs, "ms": milliseconds(theirs)},
        "ratio": theirs / own,
    }


def hyfunc(binary, model, requests, threads):
    """Rows of `hyfunc bench stock`, by name."""
    command = [binary, "bench", "stock", "--checkpoint", str(model), "--iterations", str(requests)]
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"llama.py: {' '.join(command)} failed:\n{done.stderr}")
    rows = json.loads(done.stdout)["parts"][0]["rows"]
    return {row["name"]: row for row in rows}


def is_whole(text):
    """Whether a completion is the call, with values of the length that they should have."""
    try:
        call = json.loads(text)
    except ValueError:
        return False
    values = call.get("arguments", {}).values()
    return len(values) == len(SLOTS) and all(LEAST <= value <= MOST for value in values)


def completions(llm, grammar, requests):
    """Milliseconds of each request but the first, which is there to warm up; tokens; whole calls."""
    times, tokens, whole, read = [], [], 0, 0
    for turn in range(requests + 1):
        ids = llm.tokenize(prompt(turn).encode(), add_bos=False, special=True)
        began = time.perf_counter()
        answer = llm.create_completion(
            prompt=ids, grammar=grammar, temperature=0.0, max_tokens=COMPLETION_TOKENS_MAX
        )
        took = (time.perf_counter() - began) * 1e3
        if turn:
            times.append(took)
            tokens.append(answer["usage"]["completion_tokens"])
            whole += is_whole(answer["choices"][0]["text"])
            read = len(ids)
    return {
        "p50_ms": statistics.median(times),
        "tokens": statistics.mean(tokens),
        "prompt_tokens": read,
        "whole_calls": whole / len(times),
    }


def bare(llm, call_tokens, requests):
    """The same tokens one by one: no grammar, nothing sampled."""
    begin = llm.tokenize(prompt(0).encode(), add_bos=False, special=True)
    common = len(os.path.commonprefix([prompt(0), prompt(1)]).split("user\n")[0])
    kept = len(llm.tokenize(prompt(0)[:common].encode(), add_bos=False, special=True))
    llm.reset()
    llm.eval(begin)
    times = []
    for _ in range(requests):
        llm.n_tokens = kept
        began = time.perf_counter()
        llm.eval(begin[kept:])
        for token in begin[:call_tokens]:
            llm.eval([token])
        times.append((time.perf_counter() - began) * 1e3)
    return {"p50_ms": statistics.median(times), "tokens": call_tokens}


def llama(model, requests, threads, call_tokens):
    from llama_cpp import Llama, LlamaGrammar, __version__

    llm = Llama(
        str(model), n_ctx=CONTEXT_TOKENS, n_threads=threads, n_threads_batch=threads, seed=1,
        verbose=False,
    )
    rows = {"version": __version__, "bare": bare(llm, call_tokens, requests)}
    for name, grammar in [
        ("grammar", LlamaGrammar.from_string(grammar_text(), verbose=False)),
        ("schema", LlamaGrammar.from_json_schema(json.dumps(SCHEMA), verbose=False)),
    ]:
        llm.reset()
        rows[name] = completions(llm, grammar, requests)
    return rows


def call_tokens(model):
    """Tokens that the tokenizer makes of the call."""
    from llama_cpp import Llama

    text = json.dumps({"name": FUNCTION, "arguments": {slot: LEAST for slot in SLOTS}})
    llm = Llama(str(model), vocab_only=True, verbose=False)
    return len(llm.tokenize(text.encode(), add_bos=False, special=True))


def table(rows):
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def show(found):
    own, theirs = found["hyfunc"], found["llama.cpp"]
    ms = lambda value: f"{value:.1f} ms"
    whole = own["whole call"]
    own_ms = whole["times"]["p50_us"] / 1e3
    print("\nmeasured, half of the calls took at most")
    cut = found["predicted"]["call_tokens"]
    rows = [["", "call", "tokens one by one", f"at {cut} tokens", "times hyfunc's"]]
    rows.append(["hyfunc", ms(own_ms), f"{whole['figures']['sampled_tokens']:.0f}", "", ""])
    for name, title in [
        ("bare", "llama.cpp, tokens one by one, no grammar"),
        ("grammar", "llama.cpp, the least grammar"),
        ("schema", "llama.cpp, from_json_schema"),
    ]:
        row = theirs[name]
        row["at_call_tokens_ms"] = scaled = row["p50_ms"] * cut / row["tokens"]
        row["ratio"] = ratio = scaled / own_ms
        rows.append(
            [title, ms(row["p50_ms"]), f"{row['tokens']:.0f}", ms(scaled), f"{ratio:.2f}"]
        )
    table(rows)
    for name in ("grammar", "schema"):
        if theirs[name]["whole_calls"] < 1:
            share = theirs[name]["whole_calls"]
            print(f"  ({name}: {share:.0%} of the calls have values of five digits; others differ in length)")
    print("\nhyfunc's steps: times of one, how often in a call, and the floor of one")
    rows = [["step", "p50", "a call", "tokens", "floor"]]
    for name, row in own.items():
        figures = row["figures"]
        if row.get("times") and "per_call" in figures:
            floor = row["floor"]["us"] / 1e3
            rows.append([
                name, ms(row["times"]["p50_us"] / 1e3), f"{figures['per_call']:.1f}",
                f"{figures['tokens']:.1f}", ms(floor),
            ])
    table(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("hyfunc")
    parser.add_argument("--shape", choices=sorted(checkpoint.SHAPES), default="qwen3-0.6b")
    parser.add_argument("--requests", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("target/peers"))
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.requests < 1 or arguments.threads < 1:
        parser.error("--requests and --threads must be at least 1")

    print(f"weights of shape {arguments.shape} in {arguments.work}", file=sys.stderr)
    _, model = checkpoint.make(arguments.work, arguments.shape)
    tokens = call_tokens(model)
    rate = read_bytes_per_second(arguments.threads)
    shape = checkpoint.SHAPES[arguments.shape]
    found = {"shape": arguments.shape, "threads": arguments.threads, "requests": arguments.requests}
    found["predicted"] = foretold = predicted(shape, rate, tokens)
    print(f"predicted, from memory alone at {rate / 1e9:.1f} GB/s with {arguments.threads} threads")
    rows = [["", "steps", "bytes", "call"]]
    for name in ("hyfunc", "llama.cpp"):
        side = foretold[name]
        rows.append([name, str(side["steps"]), f"{side['bytes'] / 1e9:.2f} GB", f"{side['ms']:.1f} ms"])
    table(rows)
    print(f"llama.cpp's over hyfunc's: {foretold['ratio']:.2f}")
    sys.stdout.flush()
    found["hyfunc"] = hyfunc(arguments.hyfunc, model, arguments.requests, arguments.threads)
    found["llama.cpp"] = llama(model, arguments.requests, arguments.threads, tokens)
    show(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
        print(f"\nJSON: {arguments.json}")


if __name__ == "__main__":
    main()
