#!/usr/bin/env python3
"""Makes the checkpoints and vectors of this folder with `transformers`; run it again to renew them.

    pip install torch transformers
    python make.py                        # checkpoints and vectors, beside this file
    python make.py --templates DIR        # vectors.json for every *.jinja of a folder of your own

The models are random and tiny: what counts is that both sides compute the same with them.
"""

import argparse
import datetime
import json
import shutil
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.utils import chat_template_utils

HERE = Path(__file__).resolve().parent
TEXT = [
    "What is the weather in Bologna tomorrow, and how many miles are 3 km?",
    "Convert 12 euros to yen, then remind me at nine that the train leaves from platform 4.",
    "The quick brown fox jumps over the lazy dog while the weather stays the same.",
]
SPECIALS = ["<s>", "</s>", "<end>", "<pad>"]
SIZES = dict(
    vocab_size=300,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=512,
    rms_norm_eps=1e-5,
    initializer_range=0.25,
    bos_token_id=0,
    eos_token_id=1,
    pad_token_id=None,
)
CONVERSATIONS = {
    "plain": ([{"role": "user", "content": " How many miles are 3 km? "}], None),
    "tools": (
        [
            {"role": "system", "content": "Be brief: it's <late> & \"dark\"."},
            {"role": "user", "content": "Wie warm ist es in Zürich?\nund in 東京"},
        ],
        [
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "What the weather is like, in °C.",
                    "parameters": {
                        "type": "object",
                        "properties": {
                            "place": {"type": "string", "description": "City; \"quoted\"\tor not"},
                            "days": {"type": "integer", "default": 3, "minimum": 0.5},
                            "units": {"type": "string", "enum": ["c", "f"], "default": None},
                            "exact": {"type": "boolean", "default": True, "examples": [1e-7, 1e16]},
                        },
                        "required": ["place"],
                    },
                },
            },
            {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}, "required": []}}},
        ],
    ),
    "calls": (
        [
            {"role": "user", "content": "Weather in Rome?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"place": "Rome", "days": 2, "exact": False}}}],
            },
            {"role": "tool", "name": "weather", "content": "{\"celsius\": 21.5}"},
            {"role": "assistant", "content": "<think>\nso it is warm\n</think>\n\n21.5 °C"},
            {"role": "user", "content": "And tomorrow?"},
        ],
        None,
    ),
}


class Frozen(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, tzinfo=tz)


def byte_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return tokenizer


def word_tokenizer():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(TEXT, trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    return tokenizer


def chat(template, **variables):
    """Each conversation as transformers renders it, or what the template said against it."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_tokenizer(), bos_token="<s>", eos_token="</s>", pad_token="<pad>", chat_template=template
    )
    cases = []
    for name, (messages, tools) in CONVERSATIONS.items():
        for add in (True, False):
            case = dict(name=name, messages=messages, tools=tools, add_generation_prompt=add, variables=variables)
            try:
                case["text"] = tokenizer.apply_chat_template(
                    messages, tools=tools, add_generation_prompt=add, tokenize=False, **variables
                )
            except Exception as error:
                case["refused"] = str(error)
            cases.append(case)
    return cases


def vectors_of_templates(folder):
    vectors = {}
    for path in sorted(folder.glob("*.jinja")):
        source = path.read_text()
        vectors[path.stem] = chat(source)
        if "enable_thinking" in source:
            vectors[path.stem] += chat(source, enable_thinking=False)
    write(folder / "vectors.json", vectors)


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def rounded(rows):
    return [[round(number, 6) for number in row] for row in rows.tolist()]


def decoder(name, kind, config, dtype, template, **saving):
    """A random checkpoint, with what it says of three inputs; one of them is read in several parts."""
    torch.manual_seed(7)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model = kind(config).to(dtype)
    # Biases and norms begin as zeros and ones, which would hide that they are not used.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder, **saving)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_tokenizer(), bos_token="<s>", eos_token="</s>", pad_token="<pad>", chat_template=template
    )
    tokenizer.save_pretrained(folder)
    # Opened again: a model that is converted back keeps its rotary angles rounded.
    model = kind.from_pretrained(folder, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(11)
    cases = []
    for length in (1, 17, 300):
        tokens = torch.randint(0, config.vocab_size, (1, length), generator=generator)
        with torch.no_grad():
            logits = model(tokens).logits[0]
            greedy = tokens
            for _ in range(24):
                greedy = torch.cat([greedy, model(greedy).logits[:, -1:].argmax(-1)], 1)
        last = min(length, 2)
        cases.append(
            dict(tokens=tokens[0].tolist(), logits=rounded(logits[-last:]), greedy=greedy[0, length:].tolist())
        )
    texts = [dict(text=text, tokens=tokenizer(text, add_special_tokens=False).input_ids) for text in TEXT]
    write(folder / "vectors.json", dict(transformers=transformers.__version__, cases=cases, texts=texts))
    return folder


def encoder():
    torch.manual_seed(7)
    folder = HERE / "bert"
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=word_tokenizer(), unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]"
    )
    config = BertConfig(
        vocab_size=200,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.25,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "1_Pooling").mkdir()
    pooling = dict(word_embedding_dimension=32, pooling_mode_cls_token=False, pooling_mode_mean_tokens=True)
    write(folder / "1_Pooling" / "config.json", pooling)
    cases = []
    for text in [*TEXT, "x", "a", " ".join(TEXT * 2)]:
        encoded = tokenizer(text, return_tensors="pt", truncation=True, max_length=64)
        with torch.no_grad():
            states = model(input_ids=encoded.input_ids, attention_mask=encoded.attention_mask).last_hidden_state
        vector = torch.nn.functional.normalize(states.mean(1), dim=-1)
        cases.append(dict(text=text, vector=rounded(vector)[0]))
    write(folder / "vectors.json", dict(transformers=transformers.__version__, cases=cases))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--templates", type=Path, help="a folder with *.jinja: write their vectors, and nothing else")
    args = parser.parse_args()
    chat_template_utils.datetime = Frozen
    if args.templates:
        vectors_of_templates(args.templates)
        return
    vectors_of_templates(HERE / "templates")
    turns, thoughts = ((HERE / "templates" / name).read_text() for name in ("turns.jinja", "thoughts.jinja"))
    scaling = dict(
        rope_type="llama3",
        rope_theta=10000.0,
        factor=8.0,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
        original_max_position_embeddings=64,
    )
    config = LlamaConfig(**SIZES, rope_parameters=scaling, tie_word_embeddings=False)
    decoder("llama", LlamaForCausalLM, config, torch.float32, turns, max_shard_size="60KB")
    config = Qwen2Config(**SIZES, rope_parameters=dict(rope_type="default", rope_theta=1e6), tie_word_embeddings=True)
    folder = decoder("qwen2", Qwen2ForCausalLM, config, torch.bfloat16, thoughts)
    # As older checkpoints have it: the template among the tokenizer's settings.
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["chat_template"] = (folder / "chat_template.jinja").read_text()
    write(folder / "tokenizer_config.json", settings)
    (folder / "chat_template.jinja").unlink()
    # And rotary settings of their own.
    settings = json.loads((folder / "config.json").read_text())
    settings["rope_theta"] = settings.pop("rope_parameters")["rope_theta"]
    write(folder / "config.json", settings)
    config = Qwen3Config(
        **SIZES, head_dim=16, rope_parameters=dict(rope_type="default", rope_theta=1e6), tie_word_embeddings=False
    )
    decoder("qwen3", Qwen3ForCausalLM, config, torch.float16, thoughts)
    encoder()


if __name__ == "__main__":
    main()
