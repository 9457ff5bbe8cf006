"""Chat completions without streaming: the library's functions run here, the client's come back."""

import json

import openai
import pytest

READING = "What does station KX7 read in celsius?"


def ask(client, model, text, **options):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **options)


def test_the_library_answers_in_words(client, model):
    reply = ask(client, model, "Convert 12 kilometers to miles")
    assert reply.object == "chat.completion" and reply.model == model and reply.id
    assert len(reply.choices) == 1
    choice = reply.choices[0]
    assert choice.finish_reason == "stop"
    assert choice.message.role == "assistant"
    assert choice.message.content and not choice.message.tool_calls
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.usage.prompt_tokens > 0


def test_a_required_call_of_the_library_runs_here(client, model, functions):
    reply = ask(client, model, "Convert 12 kilometers to miles", tool_choice="required")
    assert reply.choices[0].finish_reason == "stop"
    assert reply.choices[0].message.content
    calls = reply.model_extra["hyfunc"]["calls"]
    assert calls and all(call["function"] in functions for call in calls)


def test_a_named_function_of_the_client_comes_back(client, model, tools, arguments_fit):
    for tool in tools:
        name = tool["function"]["name"]
        choice = {"type": "function", "function": {"name": name}}
        reply = ask(client, model, READING, tools=tools, tool_choice=choice).choices[0]
        assert reply.finish_reason == "tool_calls"
        assert reply.message.tool_calls
        for call in reply.message.tool_calls:
            assert call.type == "function" and call.id and call.function.name == name
            arguments_fit(call)
        ids = [call.id for call in reply.message.tool_calls]
        assert len(ids) == len(set(ids))


def test_a_value_of_the_request_reaches_the_arguments(client, model, tools):
    choice = {"type": "function", "function": {"name": "station_reading"}}
    reply = ask(client, model, READING, tools=tools, tool_choice=choice).choices[0]
    arguments = json.loads(reply.message.tool_calls[0].function.arguments)
    assert arguments["unit"] == "celsius"
    assert arguments["code"].lower() in READING.lower()


def test_required_calls_something(client, model, tools, arguments_fit):
    reply = ask(client, model, READING, tools=tools, tool_choice="required").choices[0]
    assert reply.finish_reason == "tool_calls" and reply.message.tool_calls
    for call in reply.message.tool_calls:
        arguments_fit(call)


def test_none_calls_nothing(client, model, tools):
    reply = ask(client, model, READING, tools=tools, tool_choice="none")
    assert reply.choices[0].finish_reason == "stop"
    assert not reply.choices[0].message.tool_calls
    assert reply.choices[0].message.content


def test_only_allowed_tools_are_called(client, model, tools, arguments_fit):
    function = {"type": "function", "function": {"name": "book_room"}}
    allowed = {"mode": "required", "tools": [function]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    reply = ask(client, model, READING, tools=tools, tool_choice=choice).choices[0]
    assert reply.finish_reason == "tool_calls"
    assert {call.function.name for call in reply.message.tool_calls} == {"book_room"}
    for call in reply.message.tool_calls:
        arguments_fit(call)


def test_without_parallel_calls_there_is_one(client, model, tools):
    text = "What do stations KX7 and QR2 read in celsius, and book room Oslo for 4 people"
    for choice in ("required", {"type": "function", "function": {"name": "station_reading"}}):
        options = {"tools": tools, "tool_choice": choice, "parallel_tool_calls": False}
        reply = ask(client, model, text, **options)
        assert len(reply.model_extra["hyfunc"]["calls"]) == 1


def test_a_limit_of_tokens_cuts_the_calls(client, model, tools):
    choice = {"type": "function", "function": {"name": "station_reading"}}
    options = {"tools": tools, "tool_choice": choice}
    reply = ask(client, model, READING, max_completion_tokens=1, **options).choices[0]
    assert reply.finish_reason == "length"
    assert not reply.message.tool_calls and not reply.message.content
    reply = ask(client, model, READING, max_completion_tokens=4096, **options).choices[0]
    assert reply.finish_reason == "tool_calls"


def test_one_request_has_one_answer(client, model):
    replies = [ask(client, model, "Convert 12 kilometers to miles", seed=seed) for seed in (1, 1, 2)]
    assert len({reply.choices[0].message.content for reply in replies}) == 1
    assert len({reply.system_fingerprint for reply in replies}) == 1
    assert replies[0].system_fingerprint.startswith("fp_")


def test_usage_says_how_tokens_came_about(client, model):
    usage = ask(client, model, "Convert 12 kilometers to miles", tool_choice="required").usage
    details = usage.completion_tokens_details.model_extra
    written = [details[f"{kind}_tokens"] for kind in ("injected", "chosen", "sampled", "copied")]
    assert sum(written) == usage.completion_tokens > 0
    assert 0 < usage.prompt_tokens_details.cached_tokens < usage.prompt_tokens


@pytest.mark.parametrize(
    "options, param",
    [
        ({"n": 2}, "n"),
        ({"stop": ["\n"]}, "stop"),
        ({"store": True}, "store"),
        ({"logprobs": True}, "logprobs"),
        ({"seed": 1.5}, "seed"),
        ({"temperature": 3}, "temperature"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"no_such_field": 1}, "no_such_field"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_offered_is_refused_by_its_name(client, model, options, param):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, model, "hello", extra_body=options)
    assert caught.value.param == param
    assert caught.value.code and caught.value.request_id


def test_a_result_without_its_call_is_400(client, model, tools):
    messages = [
        {"role": "user", "content": READING},
        {"role": "tool", "tool_call_id": "call_1", "content": "It reads 21 degrees."},
    ]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=model, messages=messages, tools=tools)
    assert caught.value.param == "messages[1].tool_call_id"


def test_the_client_reports_a_result(client, model, tools):
    choice = {"type": "function", "function": {"name": "station_reading"}}
    first = ask(client, model, READING, tools=tools, tool_choice=choice).choices[0].message
    call = first.tool_calls[0]
    messages = [
        {"role": "user", "content": READING},
        first.model_dump(exclude_none=True),
        *(
            {"role": "tool", "tool_call_id": call.id, "content": "It reads 21 degrees."}
            for call in first.tool_calls
        ),
    ]
    reply = client.chat.completions.create(model=model, messages=messages, tools=tools)
    assert reply.choices[0].finish_reason == "stop"
    assert "21 degrees" in reply.choices[0].message.content
    assert call.id


def test_the_system_message_and_content_parts_are_read(client, model):
    messages = [
        {"role": "system", "content": "You are brief."},
        {"role": "user", "content": [{"type": "text", "text": "Convert 3 kilometers to miles"}]},
    ]
    reply = client.chat.completions.create(model=model, messages=messages)
    assert reply.choices[0].message.content


def test_an_unknown_model_is_404(client):
    with pytest.raises(openai.NotFoundError) as caught:
        ask(client, "no-such-model", "hello")
    error = caught.value
    assert error.code == "model_not_found"
    assert error.type == "invalid_request_error"
    assert "no-such-model" in error.message
    assert error.request_id


def test_a_tool_that_cannot_be_read_is_400(client, model):
    broken = {"type": "function", "function": {"name": "has spaces!", "parameters": {"type": "object"}}}
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, model, "hello", tools=[broken])
    assert caught.value.param and "tools" in caught.value.param


def test_a_named_function_that_is_nowhere_is_400(client, model):
    choice = {"type": "function", "function": {"name": "nowhere_to_be_found"}}
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, model, "hello", tool_choice=choice)
    assert "nowhere_to_be_found" in caught.value.message


def test_the_models_are_listed(client, model):
    assert client.models.retrieve(model).id == model
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")
