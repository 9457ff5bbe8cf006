"""The compliance cases of Open Responses (openresponses.org): what they send, what they look for, and
every answer and event against the specification's own types.

A call that ran in the gateway is an item that the specification does not know (decision 0006): this
gateway has no functions of its own, as one that stands for a model alone.
"""

import json
import os
import urllib.error
import urllib.request

import openresponses_types as spec
import pytest
from conftest import serving
from pydantic import BaseModel, ValidationError

BINARY = os.environ.get("HYFUNC_BIN")
TIMEOUT_S = 60

pytestmark = pytest.mark.skipif(not BINARY, reason="HYFUNC_BIN names no binary")

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {
            "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
        },
        "required": ["location"],
    },
}


def message(role, content):
    return {"type": "message", "role": role, "content": content}


ASKING_FOR_WEATHER = {"input": [message("user", "What's the weather like in San Francisco?")], "tools": [WEATHER]}

# What is asked, whether it is streamed, and the type of an item that must come.
CASES = {
    "basic-response": ({"input": [message("user", "Say hello in exactly 3 words.")]}, False, "message"),
    "streaming-response": ({"input": [message("user", "Count from 1 to 5.")]}, True, "message"),
    "system-prompt": (
        {
            "input": [
                message("system", "You are a pirate. Always respond in pirate speak."),
                message("user", "Say hello."),
            ]
        },
        False,
        "message",
    ),
    "tool-calling": (ASKING_FOR_WEATHER, False, "function_call"),
    "tool-calling-streaming": (ASKING_FOR_WEATHER, True, "function_call"),
    "multi-turn": (
        {
            "input": [
                message("user", "My name is Alice."),
                message("assistant", "Hello Alice! Nice to meet you. How can I help you today?"),
                message("user", "What is my name?"),
            ]
        },
        False,
        "message",
    ),
}


def event_types():
    """The specification's types of events by what stands in `type`."""
    found = {}
    for name, kind in vars(spec).items():
        if name.endswith("StreamingEvent") and issubclass(kind, BaseModel):
            schema = kind.model_json_schema()
            member = schema["properties"]["type"]
            if "$ref" in member:
                member = schema["$defs"][member["$ref"].rsplit("/", 1)[1]]
            for value in member.get("enum", [member.get("const", member.get("default"))]):
                found[value] = kind
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Address of a gateway without functions."""
    log = tmp_path_factory.mktemp("open-responses") / "server.log"
    with serving(log, "--set", "plugins.bundled=false") as address:
        yield address


def send(base, body):
    headers = {"content-type": "application/json", "authorization": "Bearer unused"}
    request = urllib.request.Request(f"{base}/v1/responses", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        return response.headers["content-type"], response.read().decode()


def events_of(text):
    """Name and data of every event; the mark at the end is none."""
    events = []
    for event in text.removesuffix("data: [DONE]\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in event.splitlines() if not line.startswith(":"))
        if fields:
            events.append((fields["event"], json.loads(fields["data"])))
    return events


@pytest.mark.parametrize("name", CASES)
def test_a_compliance_case_passes(base, name):
    asked, is_streamed, item = CASES[name]
    kind, text = send(base, {"model": "hyfunc-tiny", "stream": is_streamed, **asked})
    if is_streamed:
        assert kind.startswith("text/event-stream") and text.endswith("data: [DONE]\n\n")
        types = event_types()
        events = events_of(text)
        for event, data in events:
            assert event == data["type"]
            types[event].model_validate(data)
        assert [data["sequence_number"] for _, data in events] == list(range(len(events)))
        if item == "function_call":
            check_call(events)
        answer = events[-1][1]["response"]
        assert events[-1][0] == "response.completed"
    else:
        assert kind.startswith("application/json")
        answer = json.loads(text)
    spec.ResponseResource.model_validate(answer)
    assert answer["status"] == "completed"
    assert item in [found["type"] for found in answer["output"]]


def check_call(events):
    """Added, written, written whole, done."""
    told = [event for event, data in events if data.get("item", {}).get("type", "function_call") == "function_call"]
    for kind in (
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ):
        assert kind in told
    places = [told.index(kind) for kind in ("response.output_item.added", "response.output_item.done")]
    assert places == sorted(places)


def test_a_result_that_is_brought_back_is_answered(base):
    asked = ASKING_FOR_WEATHER["input"]
    _, text = send(base, {"model": "hyfunc-tiny", **ASKING_FOR_WEATHER})
    call = next(item for item in json.loads(text)["output"] if item["type"] == "function_call")
    assert "location" in json.loads(call["arguments"])
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "It is sunny."}
    _, text = send(base, {"model": "hyfunc-tiny", "tools": [WEATHER], "input": [*asked, call, result]})
    answer = json.loads(text)
    spec.ResponseResource.model_validate(answer)
    assert [item["type"] for item in answer["output"]] == ["message"]
    assert "It is sunny." in answer["output"][0]["content"][0]["text"]


def test_the_case_that_is_not_offered_is_refused_by_name(base):
    """Images are not read: the one case that fails, as an error and not as an answer that ignores it."""
    part = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    text = {"type": "input_text", "text": "What do you see in this image?"}
    with pytest.raises(urllib.error.HTTPError) as caught:
        send(base, {"model": "hyfunc-tiny", "input": [message("user", [text, part])]})
    error = json.loads(caught.value.read())["error"]
    assert (caught.value.code, error["code"]) == (400, "unsupported_parameter")
    assert error["param"] == "input[0].content[1].type" and "input_image" in error["message"]


def test_the_types_find_what_is_wrong():
    """That the checks above can fail."""
    types = event_types()
    assert {"response.created", "response.output_item.done", "response.completed", "error"} <= set(types)
    with pytest.raises(ValidationError):
        types["response.output_text.delta"].model_validate({"type": "response.output_text.delta"})
    with pytest.raises(ValidationError):
        spec.ResponseResource.model_validate({"object": "response", "output": [{"type": "mcp_call"}]})
