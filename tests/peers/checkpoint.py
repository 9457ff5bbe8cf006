#!/usr/bin/env python3
"""A checkpoint of random weights: as the hub has them (safetensors, tokenizer, chat template), and the
same weights as a GGUF in Q8_0.

    tests/peers/checkpoint.py OUT [--shape qwen3-0.6b|small]

The shape is that of Qwen3-0.6B. The tokenizer is made here, byte-level BPE with as many tokens as the
model has rows: bytes, what JSON is made of, and all that letters make up to four at a time, as far as
there is room. As with Qwen's own, a digit is a token by itself, and no token holds a digit besides
others. A text has about as many tokens as with Qwen's.
"""

import argparse
import json
import pathlib
import struct
import sys

import numpy

SHAPES = {
    "qwen3-0.6b": dict(
        vocab=151936, hidden=1024, inner=3072, layers=28, heads=16, key_heads=8, width=128
    ),
    "small": dict(vocab=4096, hidden=256, inner=512, layers=2, heads=4, key_heads=2, width=64),
}
CONTEXT_TOKENS = 4096
ROPE_BASE = 1e6
EPSILON = 1e-6
SEED = 7
# As trained models start.
SCALE = 0.02
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKS = ["<tool_call>", "</tool_call>"]
REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEMPLATE = """\
{%- if tools %}<|im_start|>system
Functions that may be called, a line each:
<tools>
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}</tools>
A call is written as <tool_call> {"name": ..., "arguments": ...} </tool_call>.<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def byte_letters():
    """What GPT-2 writes a byte as."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in plain}
    for more, byte in enumerate(byte for byte in range(256) if byte not in letters):
        letters[byte] = chr(256 + more)
    return [letters[byte] for byte in range(256)]


def merges(count):
    """Pairs that make so many tokens, the shortest first."""
    pairs = [('"', ":"), ('"', ","), ("Ġ", '"'), ("{", '"'), ("}", "}"), ('"', "}"), ("Ġ", "{")]
    pairs += [("Ġ", "Ġ")]
    small = [chr(letter) for letter in range(ord("a"), ord("z") + 1)]
    begun = ["Ġ", *small]
    for _ in range(3):
        begun = [(left, right) for left in begun for right in small]
        pairs += begun
        begun = [left + right for left, right in begun]
        if len(pairs) >= count:
            return pairs[:count]
    sys.exit(f"checkpoint.py: there are no {count} merges; take a smaller vocabulary")


def vocabulary(size):
    letters = byte_letters()
    pairs = merges(size - len(letters) - len(SPECIAL) - len(MARKS))
    tokens = letters + [left + right for left, right in pairs]
    assert len(set(tokens)) == len(tokens), "a token stands there twice"
    return tokens + SPECIAL + MARKS, pairs


def tokenizer(tokens, pairs):
    learned = len(tokens) - len(SPECIAL) - len(MARKS)
    added = [
        dict(id=learned + at, content=text, single_word=False, lstrip=False, rstrip=False,
             normalized=False, special=text in SPECIAL)
        for at, text in enumerate(SPECIAL + MARKS)
    ]
    byte_level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=False, use_regex=False)
    split = dict(type="Split", pattern={"Regex": REGEX}, behavior="Isolated", invert=False)
    return dict(
        version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=None,
        pre_tokenizer=dict(type="Sequence", pretokenizers=[split, byte_level]),
        post_processor=None, decoder=byte_level,
        model=dict(
            type="BPE", dropout=None, unk_token=None, continuing_subword_prefix="",
            end_of_word_suffix="", fuse_unk=False, byte_fallback=False,
            vocab={token: at for at, token in enumerate(tokens[:learned])},
            merges=[f"{left} {right}" for left, right in pairs],
        ),
    )


def tensors(shape):
    """Names as `transformers` and as llama.cpp have them, and sizes."""
    hidden, width = shape["hidden"], shape["width"]
    queries, keys = shape["heads"] * width, shape["key_heads"] * width
    yield "model.embed_tokens", "token_embd", (shape["vocab"], hidden)
    yield "model.norm", "output_norm", (hidden,)
    for layer in range(shape["layers"]):
        for theirs, own, size in [
            ("input_layernorm", "attn_norm", (hidden,)),
            ("post_attention_layernorm", "ffn_norm", (hidden,)),
            ("self_attn.q_norm", "attn_q_norm", (width,)),
            ("self_attn.k_norm", "attn_k_norm", (width,)),
            ("self_attn.q_proj", "attn_q", (queries, hidden)),
            ("self_attn.k_proj", "attn_k", (keys, hidden)),
            ("self_attn.v_proj", "attn_v", (keys, hidden)),
            ("self_attn.o_proj", "attn_output", (hidden, queries)),
            ("mlp.gate_proj", "ffn_gate", (shape["inner"], hidden)),
            ("mlp.up_proj", "ffn_up", (shape["inner"], hidden)),
            ("mlp.down_proj", "ffn_down", (hidden, shape["inner"])),
        ]:
            yield f"model.layers.{layer}.{theirs}", f"blk.{layer}.{own}", size


def numbers(at, size):
    """The same for the same place, whatever was made before."""
    if len(size) == 1:
        return numpy.ones(size, dtype=numpy.float32)
    random = numpy.random.default_rng((SEED, at))
    return random.standard_normal(size, dtype=numpy.float32) * numpy.float32(SCALE)


def bf16(values):
    """Cut, not rounded: that is as random."""
    return (values.view(numpy.uint32) >> 16).astype(numpy.uint16)


def write_safetensors(path, shape):
    header, start = {}, 0
    for theirs, _, size in tensors(shape):
        end = start + 2 * int(numpy.prod(size))
        header[f"{theirs}.weight"] = dict(dtype="BF16", shape=size, data_offsets=[start, end])
        start = end
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for at, (_, _, size) in enumerate(tensors(shape)):
            file.write(bf16(numbers(at, size)).tobytes())


def write_gguf(path, shape, tokens, pairs):
    """The weights of the safetensors, in Q8_0; norms in f32."""
    import gguf
    from gguf.quants import quantize

    q8 = gguf.GGMLQuantizationType.Q8_0
    out = gguf.GGUFWriter(path, "qwen3")
    out.add_name("random")
    out.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    out.add_context_length(CONTEXT_TOKENS)
    out.add_embedding_length(shape["hidden"])
    out.add_feed_forward_length(shape["inner"])
    out.add_block_count(shape["layers"])
    out.add_head_count(shape["heads"])
    out.add_head_count_kv(shape["key_heads"])
    out.add_key_length(shape["width"])
    out.add_value_length(shape["width"])
    out.add_rope_freq_base(ROPE_BASE)
    out.add_layer_norm_rms_eps(EPSILON)
    learned = len(tokens) - len(SPECIAL) - len(MARKS)
    kinds = [gguf.TokenType.NORMAL] * learned
    kinds += [gguf.TokenType.CONTROL] * len(SPECIAL) + [gguf.TokenType.USER_DEFINED] * len(MARKS)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen2")
    out.add_token_list(tokens)
    out.add_token_types([int(kind) for kind in kinds])
    out.add_token_merges([f"{left} {right}" for left, right in pairs])
    out.add_bos_token_id(learned)
    out.add_pad_token_id(learned)
    out.add_eos_token_id(learned + 2)
    out.add_add_bos_token(False)
    out.add_chat_template(TEMPLATE)
    for at, (_, own, size) in enumerate(tensors(shape)):
        values = numbers(at, size)
        if len(size) == 1:
            out.add_tensor(f"{own}.weight", values)
        else:
            cut = (bf16(values).astype(numpy.uint32) << 16).view(numpy.float32)
            out.add_tensor(f"{own}.weight", quantize(cut, q8), raw_dtype=q8)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def make(out, shape_name):
    """Writes what is not there yet; gives the folder and the GGUF, which lies in one of its own."""
    shape = SHAPES[shape_name]
    folder = pathlib.Path(out) / shape_name
    single = pathlib.Path(out) / f"{shape_name}-gguf"
    whole = folder / "made"
    if whole.exists():
        return folder, single / "model.gguf"
    for made in (folder, single):
        made.mkdir(parents=True, exist_ok=True)
    tokens, pairs = vocabulary(shape["vocab"])
    ends = len(tokens) - len(MARKS) - 1
    config = dict(
        architectures=["Qwen3ForCausalLM"], model_type="qwen3", hidden_act="silu",
        vocab_size=shape["vocab"], hidden_size=shape["hidden"], intermediate_size=shape["inner"],
        num_hidden_layers=shape["layers"], num_attention_heads=shape["heads"],
        num_key_value_heads=shape["key_heads"], head_dim=shape["width"], attention_bias=False,
        max_position_embeddings=CONTEXT_TOKENS, rms_norm_eps=EPSILON, rope_theta=ROPE_BASE,
        tie_word_embeddings=True, torch_dtype="bfloat16", eos_token_id=ends,
    )
    for name, value in [
        ("config.json", config),
        ("tokenizer.json", tokenizer(tokens, pairs)),
        ("tokenizer_config.json", dict(eos_token=SPECIAL[2], chat_template=TEMPLATE)),
    ]:
        (folder / name).write_text(json.dumps(value))
    write_safetensors(folder / "model.safetensors", shape)
    (single / "tokenizer.json").write_text((folder / "tokenizer.json").read_text())
    write_gguf(single / "model.gguf", shape, tokens, pairs)
    whole.touch()
    return folder, single / "model.gguf"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("out")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="qwen3-0.6b")
    arguments = parser.parse_args()
    for path in make(arguments.out, arguments.shape):
        print(path)


if __name__ == "__main__":
    main()
