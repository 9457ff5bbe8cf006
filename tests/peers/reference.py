#!/usr/bin/env python3
"""The paper's published inference procedure with two `transformers` models of random weights.

    tests/peers/reference.py [--device cpu|cuda] [--shapes small|tiny|true] [--functions 20]
                             [--requests 20] [--query-tokens 80] [--json FILE]

    # the true shapes (Llama-3.1-8B and Qwen3-0.6B; 18 GB of GPU memory)
    tests/peers/reference.py --device cuda --shapes true --functions 200
    # the same beside `hyfunc bench gpu`, step by step
    tests/peers/gpu.sh
    # the shapes of the tiny models on a CPU, beside `hyfunc bench request`
    tests/peers/cpu.sh

What a request does, step by step, as the paper has it:
  lml         the large model reads the whole library and the query; the state of its last token is the
              soft token
  retrieve    the soft token and the functions' embeddings are projected; the best functions by cosine
  lms         the small model reads the instruction, the schemas of these functions and the query, and the
              soft token, projected into its embedding
  injected    what the template fixes is read as one chunk behind what was read before
  sampled     a token of a value is the likeliest one; it is read before the next is known
A call is four values of five tokens each, with 40 tokens of fixed text around them. Tokens are random
numbers, since time depends on how many there are and not on which; random weights would never choose to
stop, so every value has the same length.

The library is not kept between requests: the published procedure reads it anew for each. Weights are bf16
on a GPU, f32 on a CPU; attention is what `transformers` takes by default. Needs torch and transformers.
"""

import argparse
import json
import pathlib
import platform
import statistics
import sys
import time

SEED = 7
QUERY_TOKENS = 80
# Of a function in the library of the large model, and of its schema in the small model's prompt.
LIBRARY_TOKENS = 35
SCHEMA_TOKENS = 140
CANDIDATES = 5
SLOTS = 4
VALUE_TOKENS = 5
FIXED_TOKENS = 40
PROJECTED = 512
# Shapes, beside these, of the models that hyfunc ships.
TINY = pathlib.Path(__file__).resolve().parents[2] / "gateway/cascade/models/tiny/cascade.json"
SHAPE = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
         "num_key_value_heads", "head_dim")
STEPS = ("lml", "retrieve", "lms", "injected", "sampled")

SHAPES = {
    "small": {
        "lml": dict(vocab_size=8192, hidden_size=512, intermediate_size=1408, num_hidden_layers=8,
                    num_attention_heads=8, num_key_value_heads=4, head_dim=64),
        "lms": dict(vocab_size=8192, hidden_size=256, intermediate_size=768, num_hidden_layers=4,
                    num_attention_heads=4, num_key_value_heads=2, head_dim=64),
    },
    "true": {
        "lml": dict(vocab_size=128256, hidden_size=4096, intermediate_size=14336,
                    num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, head_dim=128),
        "lms": dict(vocab_size=151936, hidden_size=1024, intermediate_size=3072,
                    num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=8, head_dim=128),
    },
}


def shapes_of(name):
    """Of both models, and the width in which functions are found."""
    if name != "tiny":
        return SHAPES[name], PROJECTED
    try:
        told = json.loads(TINY.read_text())
        models = {"lml": told["large"], "lms": told["small"]}
        shapes = {model: {key: shape[key] for key in SHAPE} for model, shape in models.items()}
        return shapes, told["index_size"]
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"reference.py: {TINY} does not tell the tiny models' shapes: {error!r}")


class Clock:
    """Adds up what each step took; a GPU has finished before the clock is read."""

    def __init__(self, torch, device):
        self.synchronize = torch.cuda.synchronize if device == "cuda" else lambda: None
        self.took = dict.fromkeys(STEPS, 0.0)

    def measure(self, step, work):
        self.synchronize()
        began = time.perf_counter()
        done = work()
        self.synchronize()
        self.took[step] += (time.perf_counter() - began) * 1e3
        return done


class Reference:
    """Both models, the projector and a library."""

    def __init__(self, torch, device, shapes, functions, query_tokens):
        from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

        self.torch, self.device = torch, device
        (self.shapes, projected), self.functions = shapes_of(shapes), functions
        self.query_tokens = query_tokens
        dtype = torch.bfloat16 if device == "cuda" else torch.float32
        context = 64 + query_tokens + functions * LIBRARY_TOKENS + CANDIDATES * SCHEMA_TOKENS + 256
        torch.manual_seed(SEED)
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            with torch.device(device):
                self.lml = LlamaForCausalLM(
                    LlamaConfig(max_position_embeddings=context, **self.shapes["lml"])
                ).eval()
                self.lms = Qwen3ForCausalLM(
                    Qwen3Config(
                        max_position_embeddings=context, tie_word_embeddings=True, **self.shapes["lms"]
                    )
                ).eval()
                large, small = (self.shapes[name]["hidden_size"] for name in ("lml", "lms"))
                self.to_index = torch.nn.Linear(large, projected, bias=False)
                self.to_small = torch.nn.Linear(large, small, bias=False)
                index = torch.randn(functions, projected)
        finally:
            torch.set_default_dtype(before)
        self.index = torch.nn.functional.normalize(index, dim=-1)
        self.library = self.tokens("lml", functions * LIBRARY_TOKENS)
        self.schemas = self.tokens("lms", functions * SCHEMA_TOKENS).reshape(functions, SCHEMA_TOKENS)
        self.fixed = self.tokens("lms", FIXED_TOKENS).chunk(SLOTS, dim=-1)

    def tokens(self, model, count):
        """Random ids: `[1, count]`."""
        vocab_size = self.shapes[model]["vocab_size"]
        return self.torch.randint(0, vocab_size, (1, count), device=self.device)

    def soft_token(self, query):
        """The large model's last state of library and query: `[1, hidden]`."""
        read = self.torch.cat([self.library, query], dim=-1)
        # The body alone: of the head, the procedure has no use here.
        return self.lml.model(input_ids=read, use_cache=False).last_hidden_state[:, -1]

    def retrieve(self, soft):
        """Indices of the best functions."""
        wish = self.torch.nn.functional.normalize(self.to_index(soft), dim=-1)
        best = (wish @ self.index.T).topk(min(CANDIDATES, self.functions), dim=-1)
        return best.indices[0].tolist()

    def prefill(self, query, soft, found):
        """The small model has read everything but the call: what it remembers."""
        read = self.torch.cat([self.schemas[found].reshape(1, -1), query], dim=-1)
        embedded = self.lms.get_input_embeddings()(read)
        embedded = self.torch.cat([embedded, self.to_small(soft)[:, None]], dim=1)
        return self.step(None, inputs_embeds=embedded)[1]

    def step(self, kept, **read):
        """The likeliest next token `[1, 1]`, and what is remembered then."""
        said = self.lms(past_key_values=kept, use_cache=True, logits_to_keep=1, **read)
        return said.logits[:, -1:].argmax(-1), said.past_key_values

    def call(self, clock):
        """One request, from its tokens to those of its values: `[slots][tokens]`."""
        large, small = self.tokens("lml", self.query_tokens), self.tokens("lms", self.query_tokens)
        soft = clock.measure("lml", lambda: self.soft_token(large))
        found = clock.measure("retrieve", lambda: self.retrieve(soft))
        kept = clock.measure("lms", lambda: self.prefill(small, soft, found))
        values = []
        for fixed in self.fixed:
            token, kept = clock.measure("injected", lambda: self.step(kept, input_ids=fixed))
            value = [token]
            for _ in range(VALUE_TOKENS):
                # The last one is read as well: whether the value ends there is for the model to say.
                token, kept = clock.measure("sampled", lambda: self.step(kept, input_ids=value[-1]))
                value.append(token)
            values.append([int(token) for token in value[:VALUE_TOKENS]])
        return values


def measure(reference, torch, device, requests):
    """Milliseconds of each step and of the whole, request by request."""
    rows = []
    with torch.inference_mode():
        for turn in range(requests + 2):
            clock = Clock(torch, device)
            began = time.perf_counter()
            values = reference.call(clock)
            whole = (time.perf_counter() - began) * 1e3
            if [len(value) for value in values] != [VALUE_TOKENS] * SLOTS:
                sys.exit(f"reference.py: values of the wrong length: {values}")
            # Two requests warm up what is compiled or allocated at first use.
            if turn >= 2:
                rows.append({**clock.took, "whole": whole})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--shapes", choices=sorted([*SHAPES, "tiny"]), default="small")
    parser.add_argument("--functions", type=int, default=20)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--query-tokens", type=int, default=QUERY_TOKENS)
    parser.add_argument("--threads", type=int, help="of torch, on a CPU; its own choice if left out")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    if min(arguments.functions, arguments.requests, arguments.query_tokens) < 1:
        parser.error("--functions, --requests and --query-tokens must be at least 1")
    try:
        import torch
        import transformers
    except ImportError as error:
        sys.exit(f"reference.py: {error}; pip install torch transformers")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("reference.py: torch finds no GPU; take --device cpu --shapes small")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)

    reference = Reference(torch, arguments.device, arguments.shapes, arguments.functions,
                          arguments.query_tokens)
    rows = measure(reference, torch, arguments.device, arguments.requests)
    middle = {name: statistics.median(row[name] for row in rows) for name in (*STEPS, "whole")}
    where = torch.cuda.get_device_name() if arguments.device == "cuda" else platform.processor()
    found = {
        "device": arguments.device, "machine": where or platform.machine(),
        "threads": torch.get_num_threads(), "shapes": arguments.shapes,
        "functions": arguments.functions, "query_tokens": arguments.query_tokens,
        "requests": arguments.requests,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "p50_ms": middle,
    }
    print(
        f"{arguments.shapes} shapes on {found['machine']}, {arguments.functions} functions, "
        f"{arguments.requests} requests; half of them took at most"
    )
    for name, took in middle.items():
        print(f"  {name:<10}{took:>12.2f} ms")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
