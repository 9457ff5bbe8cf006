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
    reply = ask(client, model, READING, tools=tools, tool_choice="required")
    called = reply.choices[0].message.tool_calls or []
    for call in called:
        arguments_fit(call)
    assert called or reply.model_extra["hyfunc"]["calls"]


def test_none_calls_nothing(client, model, tools):
    reply = ask(client, model, READING, tools=tools, tool_choice="none")
    assert reply.choices[0].finish_reason == "stop"
    assert not reply.choices[0].message.tool_calls
    assert reply.choices[0].message.content


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
