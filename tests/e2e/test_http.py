"""The rest of the surface over plain HTTP: errors, ids, the library, the route, direct calls."""

import json
import socket
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

CHAT = "/v1/chat/completions"


def check_error(reply, status):
    assert reply.status == status, reply.body
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.headers["x-request-id"]
    assert set(reply.json) == {"error"}
    error = reply.json["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] and error["type"]
    return error


def chat(model, **fields):
    return {"model": model, "messages": [{"role": "user", "content": "Convert 12 kilometers to miles"}]} | fields


def test_health(http_request):
    assert http_request("GET", "/healthz").status == 200
    assert http_request("GET", "/readyz").status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{}",
        b'{"model": 3, "messages": []}',
        b'{"messages": "hello"}',
        b'{"messages": []}',
        b'{"messages": [{"role": "user"}]}',
        b'{"messages": [{"role": "nobody", "content": "hello"}]}',
        b'{"messages": [{"role": "user", "content": "hello"}], "tools": {}}',
        b'{"messages": [{"role": "user", "content": "hello"}], "tool_choice": "perhaps"}',
        b'{"messages": [{"role": "user", "content": "hello"}], "stream": "yes"}',
        b"[" * 100_000,
    ],
    ids=lambda body: body[:60].decode(errors="replace") or "empty",
)
def test_bodies_that_cannot_be_read_are_400(http_request, body):
    error = check_error(http_request("POST", CHAT, body), 400)
    assert error["type"] == "invalid_request_error"


def test_a_body_that_is_too_large_is_413(http_request, model):
    huge = chat(model, messages=[{"role": "user", "content": "x" * (3 << 20)}])
    try:
        reply = http_request("POST", CHAT, huge)
    except (BrokenPipeError, ConnectionResetError):
        # The server may answer and close before the body is through.
        assert http_request("GET", "/healthz").status == 200
        return
    check_error(reply, 413)


def test_unknown_paths_and_methods(http_request):
    check_error(http_request("GET", "/v1/nothing"), 404)
    check_error(http_request("GET", CHAT), 405)
    assert "POST" in http_request("GET", CHAT).headers["allow"]


def test_a_request_id_is_made_or_kept(http_request):
    first = http_request("GET", "/healthz").headers["x-request-id"]
    second = http_request("GET", "/healthz").headers["x-request-id"]
    assert first and second and first != second
    kept = http_request("GET", "/healthz", headers={"x-request-id": "my-own-id-1"})
    assert kept.headers["x-request-id"] == "my-own-id-1"


def test_a_request_id_cannot_carry_anything(http_request):
    sent = "x" * 5000
    reply = http_request("GET", "/healthz", headers={"x-request-id": sent})
    assert reply.status in (200, 400, 431)
    assert reply.headers.get("x-request-id") != sent


def test_the_library_is_listed_with_schemas(functions):
    assert len(functions) >= 20
    for name, function in functions.items():
        parameters = function["parameters"]
        assert parameters["type"] == "object", name
        assert parameters["additionalProperties"] is False, name
        assert set(parameters.get("required", [])) <= set(parameters["properties"]), name
        assert function["description"], name


def test_a_direct_call_of_an_unknown_function_is_404(http_request):
    error = check_error(http_request("POST", "/v1/functions/units_convertt", {}), 404)
    assert "units_convertt" in error["message"]


def test_a_direct_call_with_wrong_arguments_is_400(http_request, functions):
    name = next(name for name, function in functions.items() if function["parameters"].get("required"))
    error = check_error(http_request("POST", f"/v1/functions/{name}", {}), 400)
    assert functions[name]["parameters"]["required"][0] in error["message"]
    check_error(http_request("POST", f"/v1/functions/{name}", {"no_such_parameter": 1}), 400)


def test_the_route_decides_and_runs_nothing(http_request, model, functions):
    reply = http_request("POST", "/v1/route", {"query": "Convert 12 kilometers to miles", "tool_choice": "required"})
    assert reply.status == 200, reply.body
    route = reply.json
    assert route["object"] == "route" and route["model"] == model
    assert 0 <= route["p_call"] <= 1
    names = [candidate["name"] for candidate in route["candidates"]]
    assert names and set(names) <= set(functions)
    scores = [candidate["score"] for candidate in route["candidates"]]
    assert scores == sorted(scores, reverse=True)
    assert route["calls"]
    for call in route["calls"]:
        assert call["function"] in names
        assert set(call["arguments"]) <= set(functions[call["function"]]["parameters"]["properties"])
        assert "result" not in call and "error" not in call
        assert {piece["kind"] for piece in call["pieces"]} <= {"injected", "chosen", "sampled", "copied"}
    assert route["tokens"]["prompt"] > 0
    assert set(route["timings_us"]) >= {"accept", "distil", "retrieve", "decode"}


def test_the_route_takes_tools_of_the_client(http_request, tools):
    choice = {"type": "function", "function": {"name": "station_reading"}}
    body = {"query": "What does station KX7 read in celsius?", "tools": tools, "tool_choice": choice}
    route = http_request("POST", "/v1/route", body).json
    assert [candidate["origin"] for candidate in route["candidates"]] == ["client"]
    assert route["calls"][0]["function"] == "station_reading"


def test_a_trace_is_taken_up(http_request):
    trace = "0af7651916cd43dd8448eb211c80319c"
    reply = http_request("GET", "/healthz", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert trace in reply.headers["traceresponse"]


def test_a_deadline_of_the_client_holds(http_request, model):
    reply = http_request("POST", CHAT, chat(model), headers={"x-hyfunc-deadline-ms": "0"})
    check_error(reply, 400)
    reply = http_request("POST", CHAT, chat(model), headers={"x-hyfunc-deadline-ms": "1"})
    assert reply.status in (200, 408, 504), "one millisecond may do, and else the error says so"
    if reply.status != 200:
        assert check_error(reply, reply.status)["code"] == "deadline_exceeded"


def test_the_same_key_twice_gives_the_same_answer(http_request, model):
    headers = {"idempotency-key": str(uuid.uuid4())}
    first = http_request("POST", CHAT, chat(model), headers=headers)
    assert first.status == 200 and "idempotency-replayed" not in first.headers
    again = http_request("POST", CHAT, chat(model), headers=headers)
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    other = http_request("POST", CHAT, chat(model) | {"seed": 7}, headers=headers)
    assert check_error(other, 422)["code"] == "idempotency_key_reused"


def test_many_at_once_all_get_an_answer(http_request, model):
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: http_request("POST", CHAT, chat(model)), range(48)))
    for reply in replies:
        assert reply.status in (200, 429, 503), reply.body
        if reply.status != 200:
            assert int(reply.headers["retry-after"]) >= 1
    answers = {r.json["choices"][0]["message"]["content"] for r in replies if r.status == 200}
    assert len(answers) == 1, "one question has one answer, alone or in a batch"


def test_slow_and_broken_connections_do_no_harm(http_request):
    host, port = urlsplit(os.environ["HYFUNC_URL"]).netloc.rsplit(":", 1)
    broken = [
        b"",
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    ]
    for data in broken:
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            try:
                connection.sendall(data)
            except OSError:
                pass
    assert http_request("GET", "/healthz").status == 200


def test_unicode_goes_through(http_request, model):
    text = "Count the words in «naïve café 東京 🙂»"
    reply = http_request("POST", CHAT, chat(model, messages=[{"role": "user", "content": text}]))
    assert reply.status == 200, reply.body
    assert json.loads(reply.body)["choices"][0]["message"]["content"]
