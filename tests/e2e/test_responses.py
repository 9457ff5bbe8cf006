"""The Responses API, plain and streamed, as the `openai` client reads it."""

import json
import types

import openai
import pytest

READING = "What does station KX7 read in celsius?"
DISTANCE = "Convert 12 kilometers to miles"


@pytest.fixture(scope="module")
def flat_tools(tools):
    """The same tools as this API has them."""
    return [{"type": "function", "strict": True} | tool["function"] for tool in tools]


def ask(client, model, text, **options):
    return client.responses.create(model=model, input=text, **options)


def calls_of(response):
    return [item for item in response.output if item.type == "function_call"]


def named(name):
    return {"type": "function", "name": name}


def check_call(call, arguments_fit):
    function = types.SimpleNamespace(name=call.name, arguments=call.arguments)
    arguments_fit(types.SimpleNamespace(function=function))
    assert call.id and call.call_id and call.status == "completed"


def test_a_text_gets_a_text(client, model):
    response = ask(client, model, DISTANCE)
    assert response.object == "response" and response.status == "completed"
    assert response.model == model and response.id.startswith("resp_")
    assert response.output_text
    assert {item.type for item in response.output} <= {"mcp_call", "message"}
    assert response.output[-1].type == "message" and response.output[-1].role == "assistant"
    usage = response.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert usage.input_tokens > 0 and usage.input_tokens_details.cached_tokens >= 0
    assert response.error is None and response.incomplete_details is None
    assert response.store is False and response.parallel_tool_calls is True


def test_both_formats_say_the_same(client, model):
    chat = client.chat.completions.create(model=model, messages=[{"role": "user", "content": DISTANCE}])
    assert ask(client, model, DISTANCE).output_text == chat.choices[0].message.content


def test_a_call_of_the_library_comes_back_as_one_that_has_run(client, model, functions):
    response = ask(client, model, DISTANCE, tool_choice="required")
    ran = [item for item in response.output if item.type == "mcp_call"]
    assert ran and not calls_of(response)
    for call in ran:
        assert call.name in functions and call.server_label == "hyfunc"
        assert isinstance(json.loads(call.arguments), dict)
        assert (call.status, call.error is None) in (("completed", True), ("failed", False))
        assert (call.output is None) == (call.status == "failed")
    assert response.output_text


def test_a_named_function_of_the_client_comes_back(client, model, flat_tools, arguments_fit):
    for tool in flat_tools:
        response = ask(client, model, READING, tools=flat_tools, tool_choice=named(tool["name"]))
        calls = calls_of(response)
        assert calls and response.status == "completed"
        for call in calls:
            assert call.name == tool["name"]
            check_call(call, arguments_fit)
        assert len({call.call_id for call in calls}) == len(calls)
        assert [tool.name for tool in response.tools] == [tool["name"] for tool in flat_tools]


def test_required_calls_something(client, model, flat_tools, arguments_fit):
    calls = calls_of(ask(client, model, READING, tools=flat_tools, tool_choice="required"))
    assert calls
    for call in calls:
        check_call(call, arguments_fit)


def test_none_calls_nothing(client, model, flat_tools):
    response = ask(client, model, READING, tools=flat_tools, tool_choice="none")
    assert [item.type for item in response.output] == ["message"]


def test_only_allowed_tools_are_called(client, model, flat_tools, arguments_fit):
    choice = {"type": "allowed_tools", "mode": "required", "tools": [named("book_room")]}
    response = ask(client, model, READING, tools=flat_tools, tool_choice=choice)
    calls = calls_of(response)
    assert calls and {call.name for call in calls} == {"book_room"}
    assert {item.type for item in response.output} == {"function_call"}
    for call in calls:
        check_call(call, arguments_fit)


def test_without_parallel_calls_there_is_one(client, model, flat_tools):
    text = "What do stations KX7 and QR2 read in celsius, and book room Oslo for 4 people"
    for choice in ("required", named("station_reading")):
        options = {"tools": flat_tools, "tool_choice": choice, "parallel_tool_calls": False}
        response = ask(client, model, text, **options)
        called = [item for item in response.output if item.type in ("function_call", "mcp_call")]
        assert len(called) == 1
        assert response.parallel_tool_calls is False


def test_the_client_reports_a_result(client, model, flat_tools):
    options = {"model": model, "tools": flat_tools}
    conversation = [{"role": "user", "content": READING}]
    choice = named("station_reading")
    first = client.responses.create(input=conversation, tool_choice=choice, **options)
    conversation += first.output
    for call in calls_of(first):
        output = "It reads 21 degrees."
        conversation.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
    second = client.responses.create(input=conversation, **options)
    assert [item.type for item in second.output] == ["message"]
    assert "21 degrees" in second.output_text


def test_a_conversation_goes_on_with_all_that_was_said(client, model):
    conversation = [{"role": "user", "content": "Convert 3 kilometers to miles"}]
    first = client.responses.create(model=model, input=conversation)
    conversation += first.output
    conversation.append({"role": "user", "content": [{"type": "input_text", "text": DISTANCE}]})
    second = client.responses.create(model=model, input=conversation, instructions="Be brief.")
    assert second.output_text == ask(client, model, DISTANCE).output_text
    assert second.instructions == "Be brief."


def test_a_limit_of_tokens_cuts_the_calls(client, model, flat_tools):
    choice = named("station_reading")
    options = {"tools": flat_tools, "tool_choice": choice}
    response = ask(client, model, READING, max_output_tokens=1, **options)
    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.output == []
    assert ask(client, model, READING, max_output_tokens=4096, **options).status == "completed"


def test_what_is_sent_along_comes_back(client, model):
    sent = {"metadata": {"ticket": "7"}, "temperature": 0.5, "user": "u-1"}
    response = ask(client, model, DISTANCE, **sent)
    assert response.metadata == {"ticket": "7"}
    assert response.temperature == 0.5 and response.user == "u-1"


@pytest.mark.parametrize(
    "field, value",
    [
        ("previous_response_id", "resp_1"),
        ("conversation", "conv_1"),
        ("background", True),
        ("store", True),
        ("prompt", {"id": "pmpt_1"}),
        ("truncation", "auto"),
        ("text", {"format": {"type": "json_object"}}),
        ("tools", [{"type": "web_search"}]),
        ("tools", [{"type": "function", "name": "has spaces!", "parameters": {}}]),
        ("tool_choice", {"type": "function", "name": "nowhere_to_be_found"}),
        ("metadata", {"a": 1}),
        ("max_output_tokens", 0),
        ("no_such_field", 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_offered_is_refused_by_its_name(client, model, field, value):
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=model, input="hello", extra_body={field: value})
    error = caught.value
    assert error.param and error.param.startswith(field), error.param
    assert error.code and error.message and error.request_id


def test_an_unknown_model_is_404(client):
    with pytest.raises(openai.NotFoundError) as caught:
        ask(client, "no-such-model", "hello")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="no-such-model", input="hello", stream=True)


def test_an_empty_input_is_400(client, model):
    for empty in ("", " ", [], [{"role": "system", "content": "You are brief."}]):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, model, empty)
        assert caught.value.param == "input"


def check_events(events):
    """What holds of every stream; gives the response at its end."""
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1].type == "response.completed"
    response = events[-1].response
    assert events[0].response.id == response.id and events[0].response.status == "in_progress"
    added = [event for event in events if event.type == "response.output_item.added"]
    done = [event for event in events if event.type == "response.output_item.done"]
    assert [event.output_index for event in added] == list(range(len(response.output)))
    assert [event.item for event in done] == response.output
    for item, index in zip(response.output, range(len(response.output))):
        about = [event for event in events if getattr(event, "output_index", None) == index]
        assert about[0].type == "response.output_item.added"
        assert about[-1].type == "response.output_item.done"
        assert all(event.item_id == item.id for event in about[1:-1])
    return response


def test_a_stream_says_what_a_plain_answer_says(client, model):
    events = list(ask(client, model, DISTANCE, stream=True))
    response = check_events(events)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == response.output_text == ask(client, model, DISTANCE).output_text
    texts = [event.text for event in events if event.type == "response.output_text.done"]
    assert texts == [response.output_text]


def test_calls_are_put_together_from_their_pieces(client, model, flat_tools, arguments_fit):
    choice = named("station_reading")
    events = list(ask(client, model, READING, stream=True, tools=flat_tools, tool_choice=choice))
    response = check_events(events)
    arguments = {}
    for event in events:
        if event.type == "response.function_call_arguments.delta":
            arguments[event.item_id] = arguments.get(event.item_id, "") + event.delta
        if event.type == "response.function_call_arguments.done":
            assert arguments[event.item_id] == event.arguments
    calls = calls_of(response)
    assert calls and {call.id: call.arguments for call in calls} == arguments
    for call in calls:
        check_call(call, arguments_fit)


def test_calls_that_run_here_are_streamed_as_they_run(client, model):
    events = list(ask(client, model, DISTANCE, stream=True, tool_choice="required"))
    response = check_events(events)
    ran = [item for item in response.output if item.type == "mcp_call"]
    assert ran
    kinds = [event.type for event in events]
    assert kinds.count("response.mcp_call.in_progress") == len(ran)
    ended = kinds.count("response.mcp_call.completed") + kinds.count("response.mcp_call.failed")
    assert ended == len(ran)


def test_the_helper_of_the_client_follows_a_stream(client, model, flat_tools):
    options = {"tools": flat_tools, "tool_choice": named("station_reading")}
    with client.responses.stream(model=model, input=READING, **options) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert "response.function_call_arguments.delta" in kinds
    assert calls_of(final)[0].parsed_arguments["unit"] == "celsius"


def test_clients_that_leave_do_no_harm(client, model, http_request):
    for events_read in (0, 1, 3):
        stream = ask(client, model, DISTANCE, stream=True)
        for _ in range(events_read):
            next(stream)
        stream.close()
    assert http_request("GET", "/readyz").status == 200
    assert ask(client, model, DISTANCE).output_text


def test_the_bytes_are_named_events(http_request, model):
    body = {"model": model, "input": DISTANCE, "stream": True}
    reply = http_request("POST", "/v1/responses", body)
    assert reply.status == 200 and reply.headers["x-request-id"]
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = [event for event in reply.body.decode().split("\n\n") if event and not event.startswith(":")]
    assert events[-1] == "data: [DONE]"
    for event in events[:-1]:
        name, data = event.split("\n")
        assert name.removeprefix("event: ") == json.loads(data.removeprefix("data: "))["type"]
