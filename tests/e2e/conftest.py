"""A client of the server that run.sh started, and plain HTTP beside it."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import time
from urllib.parse import urlsplit

import openai
import pytest

URL = os.environ.get("HYFUNC_URL", "http://127.0.0.1:8080")
TIMEOUT_S = 60
BINARY = os.environ.get("HYFUNC_BIN")
START_S_MAX = 120


@pytest.fixture(scope="session")
def client():
    # Without retries: a test must see the first answer.
    return openai.OpenAI(base_url=f"{URL}/v1", api_key="unused", max_retries=0, timeout=TIMEOUT_S)


@pytest.fixture(scope="session")
def model(client):
    return client.models.list().data[0].id


@contextlib.contextmanager
def started(log, *options):
    """Process and address of a gateway of its own, with these options, that stops at the end; what it says goes to
    `log`."""
    command = [BINARY, "serve", "--address", "127.0.0.1:0", *options]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        began = time.monotonic()
        while not (found := re.search(r"listens on (http://\S+):? open", log.read_text())):
            assert server.poll() is None and time.monotonic() - began < START_S_MAX, log.read_text()
            time.sleep(0.05)
        yield server, found[1].rstrip(":")
    finally:
        server.terminate()
        server.wait(TIMEOUT_S)


@contextlib.contextmanager
def serving(log, *options):
    """Its address alone."""
    with started(log, *options) as (_, address):
        yield address


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


def request(method, path, body=None, headers=None):
    """One request on a connection of its own. A body that is no bytes is sent as JSON."""
    connection = http.client.HTTPConnection(urlsplit(URL).netloc, timeout=TIMEOUT_S)
    headers = dict(headers or {})
    if body is not None:
        headers.setdefault("content-type", "application/json")
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, fields, response.read())
    finally:
        connection.close()


@pytest.fixture(scope="session")
def http_request():
    return request


@pytest.fixture(scope="session")
def functions():
    """The library by name."""
    return {entry["name"]: entry for entry in listed_functions()}


def listed_functions():
    listing = request("GET", "/v1/functions").json
    return listing["data"] if isinstance(listing, dict) else listing


WEATHER = {
    "type": "function",
    "function": {
        "name": "station_reading",
        "description": "Reads a weather station by its code.",
        "parameters": {
            "type": "object",
            "properties": {
                "code": {"type": "string", "description": "Code of the station, such as KX7"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["code", "unit"],
        },
    },
}

BOOKING = {
    "type": "function",
    "function": {
        "name": "book_room",
        "description": "Books a meeting room for some people.",
        "parameters": {
            "type": "object",
            "properties": {
                "room": {"type": "string", "description": "Name of the room"},
                "people": {"type": "integer", "minimum": 1, "maximum": 40},
            },
            "required": ["room", "people"],
        },
    },
}


@pytest.fixture(scope="session")
def tools():
    return [WEATHER, BOOKING]


def check_arguments(call):
    """Whatever the models say, arguments fit the schema that was sent."""
    arguments = json.loads(call.function.arguments)
    if call.function.name == "station_reading":
        assert set(arguments) == {"code", "unit"}
        assert isinstance(arguments["code"], str)
        assert arguments["unit"] in ("celsius", "fahrenheit")
    else:
        assert call.function.name == "book_room"
        assert set(arguments) == {"room", "people"}
        assert isinstance(arguments["room"], str)
        assert isinstance(arguments["people"], int) and 1 <= arguments["people"] <= 40


@pytest.fixture(scope="session")
def arguments_fit():
    return check_arguments
