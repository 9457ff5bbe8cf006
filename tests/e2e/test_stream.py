"""Streamed chat completions, chunk by chunk and byte by byte."""

import asyncio
import http.client
import json
import os
import time
from urllib.parse import urlsplit

import openai

# A busy machine may wake a client only when its reply is there.
GIVE_UPS_MAX = 50
READING = "What does station KX7 read in celsius?"


def chat(client, model, text="Convert 12 kilometers to miles", **options):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **options)


def chunks_of(client, model, text, **options):
    messages = [{"role": "user", "content": text}]
    return list(client.chat.completions.create(model=model, messages=messages, stream=True, **options))


def check_frame(chunks, finish_reason):
    """What holds of every stream: one id, the role once, one finish, nothing after it."""
    assert len({chunk.id for chunk in chunks}) == 1
    assert len({chunk.created for chunk in chunks}) == 1
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert all(choice.index == 0 for choice in choices)
    roles = [choice.delta.role for choice in choices if choice.delta.role]
    assert roles == ["assistant"] and choices[0].delta.role == "assistant"
    finishes = [choice.finish_reason for choice in choices if choice.finish_reason]
    assert finishes == [finish_reason]
    assert choices[-1].finish_reason == finish_reason, "nothing follows the finish"
    return choices


def test_the_library_answers_in_pieces(client, model):
    chunks = chunks_of(client, model, "Convert 12 kilometers to miles")
    choices = check_frame(chunks, "stop")
    assert "".join(choice.delta.content or "" for choice in choices)
    assert all(chunk.choices for chunk in chunks), "no usage chunk was asked for"


def test_a_stream_says_what_a_plain_reply_says(client, model):
    text = "Convert 12 kilometers to miles"
    plain = client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
    pieces = [c.delta.content or "" for chunk in chunks_of(client, model, text) for c in chunk.choices]
    assert "".join(pieces) == plain.choices[0].message.content


def test_templates_are_told_piece_by_piece_to_who_asks(client, model):
    text = "Convert 12 kilometers to miles"
    chunks = chunks_of(client, model, text, stream_options={"include_pieces": True})
    check_frame(chunks, "stop")
    extras = [chunk.model_extra or {} for chunk in chunks]
    decided = next(at for at, extra in enumerate(extras) if "hyfunc" in extra)
    assert all("hyfunc_draft" not in extra for extra in extras[decided:]), "all come before what was decided"
    drafts = [extra["hyfunc_draft"] for extra in extras[:decided] if "hyfunc_draft" in extra]
    calls = extras[decided]["hyfunc"]["calls"]
    assert calls and {draft["index"] for draft in drafts} == set(range(len(calls)))
    for index, call in enumerate(calls):
        told = [draft for draft in drafts if draft["index"] == index]
        assert {(draft["id"], draft["function"]) for draft in told} == {(call["id"], call["function"])}
        assert [piece for draft in told for piece in draft["pieces"]] == call["pieces"]
    assert not any("hyfunc_draft" in (chunk.model_extra or {}) for chunk in chunks_of(client, model, text))


def test_the_usage_chunk_comes_last(client, model):
    chunks = chunks_of(client, model, "Convert 12 kilometers to miles", stream_options={"include_usage": True})
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])
    check_frame(chunks[:-1], "stop")


def test_calls_are_put_together_from_their_pieces(client, model, tools, arguments_fit):
    choice = {"type": "function", "function": {"name": "station_reading"}}
    chunks = chunks_of(client, model, READING, tools=tools, tool_choice=choice)
    choices = check_frame(chunks, "tool_calls")
    calls = {}
    for delta in (call for choice in choices for call in choice.delta.tool_calls or []):
        if delta.index not in calls:
            assert delta.id and delta.type == "function" and delta.function.name == "station_reading"
            assert delta.index == len(calls), "calls come in order"
            calls[delta.index] = delta
            delta.function.arguments = delta.function.arguments or ""
        else:
            assert not delta.function.name, "the name comes whole, once"
            calls[delta.index].function.arguments += delta.function.arguments or ""
    assert calls
    for call in calls.values():
        arguments_fit(call)


def test_fragments_come_to_the_arguments_of_a_plain_reply(client, model, tools):
    choice = {"type": "function", "function": {"name": "station_reading"}}
    plain = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": READING}], tools=tools, tool_choice=choice
    )
    fragments = {}
    for chunk in chunks_of(client, model, READING, tools=tools, tool_choice=choice):
        for call in (call for c in chunk.choices for call in c.delta.tool_calls or []):
            fragments[call.index] = fragments.get(call.index, "") + (call.function.arguments or "")
    told = [fragments[index] for index in sorted(fragments)]
    assert told == [call.function.arguments for call in plain.choices[0].message.tool_calls]


def test_the_bytes_are_server_sent_events(http_request, model):
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Convert 12 kilometers to miles"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    reply = http_request("POST", "/v1/chat/completions", body)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-request-id"]
    events = [event for event in reply.body.decode().split("\n\n") if event and not event.startswith(":")]
    assert all(event.startswith("data: ") for event in events)
    assert [event for event in events if event == "data: [DONE]"] == [events[-1]]
    for event in events[:-1]:
        json.loads(event.removeprefix("data: "))


def test_a_fault_before_the_stream_is_a_plain_error(http_request):
    body = {"model": "no-such-model", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    reply = http_request("POST", "/v1/chat/completions", body)
    assert reply.status == 404
    assert reply.json["error"]["code"] == "model_not_found"


def test_clients_that_leave_do_no_harm(http_request, model):
    body = json.dumps(
        {"model": model, "messages": [{"role": "user", "content": "Convert 12 kilometers to miles"}], "stream": True}
    )
    netloc = urlsplit(os.environ["HYFUNC_URL"]).netloc
    for read_bytes in [0, 1, 20, 200] * 5:
        connection = http.client.HTTPConnection(netloc, timeout=60)
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        if read_bytes:
            connection.getresponse().read(read_bytes)
        connection.close()
    time.sleep(0.5)
    assert http_request("GET", "/healthz").status == 200
    assert http_request("GET", "/readyz").status == 200
    reply = http_request("POST", "/v1/chat/completions", json.loads(body) | {"stream": False})
    assert reply.status == 200
    assert reply.json["choices"][0]["message"]["content"]


def gives_up(client, model):
    """Whether a request was left by a client of no patience; a client that is slow to look sees the reply."""
    try:
        chat(client.with_options(timeout=0.001), model)
    except openai.APITimeoutError:
        return True
    return False


def test_a_client_that_aborts_finds_the_gateway_as_it_was(client, model, http_request):
    # A stream that is left, a request that is cancelled at work, and one that waits no longer.
    with chat(client, model, stream=True) as stream:
        assert next(iter(stream)).id

    async def cancelled():
        async with openai.AsyncOpenAI(base_url=client.base_url, api_key="unused", max_retries=0) as patient:
            asked = asyncio.create_task(chat(patient, model))
            await asyncio.sleep(0.005)
            asked.cancel()
            return (await asyncio.gather(asked, return_exceptions=True))[0]

    # Where this process stood still, the answer can have come before it was cancelled.
    cancellations = (isinstance(asyncio.run(cancelled()), asyncio.CancelledError) for _ in range(GIVE_UPS_MAX))
    assert any(cancellations)
    assert any(gives_up(client, model) for _ in range(GIVE_UPS_MAX))
    assert http_request("GET", "/readyz").status == 200
    assert chat(client, model).choices[0].message.content


def test_parallel_calls_are_the_same_streamed_and_plain(client, model, tools, arguments_fit):
    choice = {"type": "function", "function": {"name": "station_reading"}}
    text = "What do stations KX7 and QR2 read in celsius?"
    plain = chat(client, model, text, tools=tools, tool_choice=choice).choices[0].message.tool_calls
    assert plain and len({call.id for call in plain}) == len(plain)
    for call in plain:
        arguments_fit(call)
    with client.chat.completions.stream(
        model=model, messages=[{"role": "user", "content": text}], tools=tools, tool_choice=choice
    ) as stream:
        told = stream.get_final_completion().choices[0].message.tool_calls
    assert [call.function.arguments for call in told] == [call.function.arguments for call in plain]
