"""SIGTERM while a request is at work: it is answered whole, nobody new is let in, and the process ends in time.

These tests play the chat model that answers where no function does: it has said half of its words, and
says the rest when a test lets it.
"""

import contextlib
import http.client
import http.server
import json
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from conftest import started

BINARY = os.environ.get("HYFUNC_BIN")
TIMEOUT_S = 60
# Longer than any test waits: nothing but what a test does ends a request before.
NEVER_MS = 600_000

pytestmark = pytest.mark.skipif(not BINARY, reason="HYFUNC_BIN names no binary")


def words(text):
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n".encode()


BEGINNING = words("Once upon")
REST = words(" a time.") + b"data: [DONE]\n\n"


class ChatModel(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answering)
        self.is_asked = threading.Event()
        self.may_end = threading.Event()


class Answering(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(BEGINNING + REST)))
        self.end_headers()
        self.wfile.write(BEGINNING)
        self.server.is_asked.set()
        self.server.may_end.wait()
        # The gateway may be gone by then.
        with contextlib.suppress(OSError):
            self.wfile.write(REST)

    def log_message(self, *_):
        pass


@pytest.fixture
def chat_model():
    with ChatModel() as model:
        threading.Thread(target=model.serve_forever, daemon=True).start()
        try:
            yield model
        finally:
            model.may_end.set()
            model.shutdown()


def gateway(log, chat_model, shutdown_ms_max):
    """Process and address of a gateway without functions, with that chat model."""
    settings = {
        "plugins.bundled": "false",
        "upstream.url": f"http://127.0.0.1:{chat_model.server_port}/v1",
        "upstream.model": "storyteller",
        "upstream.deadline_ms": NEVER_MS,
        "upstream.first_byte_ms": NEVER_MS,
        "request.deadline_ms": NEVER_MS,
        "server.shutdown_ms_max": shutdown_ms_max,
    }
    return started(log, *(option for key, value in settings.items() for option in ("--set", f"{key}={value}")))


def ask(address, stream):
    """The whole text of an answer; an error where it breaks off."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=2 * TIMEOUT_S)
    messages = [{"role": "user", "content": "tell me a story"}]
    body = {"model": "hyfunc-tiny", "messages": messages, "stream": stream}
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        text = response.read().decode()
        assert response.status == 200, text
        return text
    finally:
        connection.close()


def said(text, stream):
    if not stream:
        return json.loads(text)["choices"][0]["message"]["content"]
    *chunks, last = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert last == "[DONE]", text
    deltas = [choice["delta"] for chunk in chunks for choice in json.loads(chunk)["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def refuses(address):
    place = urlsplit(address)
    try:
        socket.create_connection((place.hostname, place.port), TIMEOUT_S).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_at_work_is_answered_whole_and_nobody_new_is_let_in(tmp_path, chat_model, stream):
    log = tmp_path / "server.log"
    with gateway(log, chat_model, NEVER_MS) as (process, address), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, address, stream)
        try:
            assert chat_model.is_asked.wait(TIMEOUT_S), log.read_text()
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            while not refuses(address):
                assert time.monotonic() - began < TIMEOUT_S, "new connections are still taken"
                time.sleep(0.05)
            assert process.poll() is None and not answer.done(), "it waits for the request at work"
        finally:
            chat_model.may_end.set()
        assert said(answer.result(TIMEOUT_S), stream) == "Once upon a time."
        # Long before the limit: it ends because nothing is left to do.
        assert process.wait(TIMEOUT_S) == 0, log.read_text()
    assert "did not finish" not in log.read_text()


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_outlasts_the_limit_is_cut_and_told_of(tmp_path, chat_model, stream):
    log = tmp_path / "server.log"
    with gateway(log, chat_model, 300) as (process, address), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, address, stream)
        try:
            assert chat_model.is_asked.wait(TIMEOUT_S), log.read_text()
            process.send_signal(signal.SIGTERM)
            # The chat model never ends.
            assert process.wait(TIMEOUT_S) == 1, log.read_text()
        finally:
            process.kill()
        with pytest.raises((http.client.HTTPException, OSError)):
            answer.result(TIMEOUT_S)
    assert "did not finish within server.shutdown_ms_max" in log.read_text()
