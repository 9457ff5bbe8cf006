"""What is sent: healthy requests with what must come back, and hostile ones with what may."""

import json

from server import FUNCTION

QUESTIONS = [
    "how many miles are 42 km?",
    "split 90 dollars between 6 people",
    "what is the average of 12, 15.5, 9 and 20?",
    "turn off the light in the kitchen and lock the front door",
    "who painted the Mona Lisa?",
]
CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
REFUSALS = (429, 503)
# How long a slow client takes for half a request.
SLOW_S = 1.0


def question(number):
    content = QUESTIONS[number % len(QUESTIONS)]
    return {"model": "hyfunc-tiny", "messages": [{"role": "user", "content": content}]}


def chat(number):
    return CHAT, question(number)


def stream(number):
    return CHAT, question(number) | {"stream": True, "stream_options": {"include_usage": True}}


def response(number):
    return RESPONSES, {"model": "hyfunc-tiny", "input": QUESTIONS[number % len(QUESTIONS)], "stream": True}


def call(_number):
    """The function that is replaced while it is called."""
    return f"/v1/functions/{FUNCTION}", {}


HEALTHY = [chat, stream, chat, response, call, chat, stream, chat]


def healthy(number):
    """Path and body of a request that must be answered."""
    path, body = HEALTHY[number % len(HEALTHY)](number // len(HEALTHY) + number)
    return path, json.dumps(body).encode()


def what_is_wrong(path, asked, answer):
    """Why an answer of 200 is none; None where it is whole."""
    if b'"stream": true' not in asked:
        wanted = b'"result"' if path.startswith("/v1/functions/") else b'"choices"'
        return None if wanted in answer else "an answer without its members"
    if not answer.endswith(b"data: [DONE]\n\n"):
        return "a stream without its end"
    if path == RESPONSES and b"event: response.completed\n" not in answer:
        return "a response that was not completed"
    return None


def head(length, extra=""):
    return (
        f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {length}\r\n{extra}\r\n"
    ).encode()


def bearer(server):
    return f"authorization: Bearer {server.caller}\r\n"


def oversized(server, _number):
    return server.raw(head(1 << 30, bearer(server)) + b"{")


def slow(server, _number):
    return server.raw(head(1_000, bearer(server)) + b'{"model"', SLOW_S)


def aborted(server, number):
    body = json.dumps(question(number)).encode()
    return server.raw(head(len(body), bearer(server)) + body, 0.0)


def unread(server, number):
    """A stream that nobody reads."""
    body = json.dumps(stream(number)[1]).encode()
    return server.raw(head(len(body), bearer(server)) + body, SLOW_S)


def malformed(server, number):
    kinds = [b'{"model": ', b"\xff\xfe", b'{"model": "x", "model": "y"}', b"[" * 500, b"{}"]
    body = kinds[number % len(kinds)]
    return server.raw(head(len(body), bearer(server)) + body)


def ambiguous(server, _number):
    """What a proxy could take for two requests."""
    return server.raw(head(4, bearer(server) + "transfer-encoding: xchunked\r\n") + b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n")


def other_protocol(server, _number):
    return server.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0" * 100)


def keyless(server, number):
    body = json.dumps(question(number)).encode()
    return server.raw(head(len(body)) + body)


def unauthorised(server, number):
    """A key that may do something else."""
    body = json.dumps(question(number)).encode()
    return server.raw(head(len(body), f"authorization: Bearer {server.publisher}\r\n") + body)


# What is answered, when anything is; None is a connection without an answer.
HOSTILE = [
    (oversized, (413, None)),
    (slow, (None,)),
    (aborted, (None,)),
    (unread, (None,)),
    (malformed, (400, *REFUSALS, None)),
    (ambiguous, (400, None)),
    (other_protocol, (400, None)),
    (keyless, (401, None)),
    (unauthorised, (403, None)),
]
