"""The functions as MCP tools, through the official Python SDK: over HTTP and over standard input
and output, each with the revision that needs no session and with the last one that does."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

URL = os.environ.get("HYFUNC_URL", "http://127.0.0.1:8080")
BINARY = os.environ.get("HYFUNC_BIN")
TIMEOUT_S = 60
# What the client asks for, and what both then speak.
REVISIONS = {"auto": "2026-07-28", "legacy": "2025-11-25"}

needs_binary = pytest.mark.skipif(not BINARY, reason="HYFUNC_BIN names no binary")
over_stdio = [pytest.param(("stdio", mode), marks=needs_binary, id=f"stdio-{mode}") for mode in REVISIONS]
over_http = [pytest.param(("http", mode), id=f"http-{mode}") for mode in REVISIONS]


@pytest.fixture
def log(tmp_path):
    with (tmp_path / "stderr.log").open("w+") as file:
        yield file


@pytest.fixture
def connect(connection, log):
    """Opens a client; settings are for a server that is started for it."""
    transport, mode = connection

    def connect(*settings):
        if transport == "http":
            return Client(f"{URL}/mcp", mode=mode, read_timeout_seconds=TIMEOUT_S)
        server = StdioServerParameters(command=BINARY, args=["mcp", *settings])
        return Client(stdio_client(server, errlog=log), mode=mode, read_timeout_seconds=TIMEOUT_S)

    return connect


everywhere = pytest.mark.parametrize("connection", over_http + over_stdio)


async def all_pages(client):
    pages, cursor = [], None
    while True:
        page = await client.list_tools(cursor=cursor)
        pages.append(page.tools)
        cursor = page.next_cursor
        if cursor is None:
            return pages


def as_json(result):
    """The structured result, which older clients read from the text."""
    assert not result.is_error, result
    texts = [content.text for content in result.content if content.type == "text"]
    assert any(text.startswith("{") and json.loads(text) == result.structured_content for text in texts), result
    return result.structured_content


@everywhere
def test_the_server_introduces_itself(connect, connection):
    async def main():
        async with connect() as client:
            assert client.protocol_version == REVISIONS[connection[1]]
            assert client.server_info.name == "hyfunc" and client.server_info.version
            assert client.server_capabilities.tools is not None
            assert not client.server_capabilities.tools.list_changed, "nothing changes, nothing is promised"
            assert client.server_capabilities.resources is None
            assert client.instructions

    asyncio.run(main())


@everywhere
def test_the_tools_are_the_library_and_the_route(connect, functions):
    async def main():
        async with connect() as client:
            (tools,) = await all_pages(client)
            names = [tool.name for tool in tools]
            assert names == sorted([*functions, "route"])
            for tool in tools:
                assert len(tool.name) <= 64 and tool.title and tool.description
                assert tool.output_schema["type"] == "object"
                assert tool.annotations.read_only_hint is not None
                if tool.name in functions:
                    assert tool.input_schema == functions[tool.name]["parameters"]

    asyncio.run(main())


@pytest.mark.parametrize("connection", over_stdio)
def test_pages_hold_every_tool_once(connect, functions):
    async def main():
        async with connect("--set", "mcp.page_tools_max=5") as client:
            pages = await all_pages(client)
            assert len(pages) > 1 and all(len(page) <= 5 for page in pages)
            assert all(len(page) == 5 for page in pages[:-1])
            assert [tool.name for page in pages for tool in page] == sorted([*functions, "route"])
            with pytest.raises(MCPError) as caught:
                await client.list_tools(cursor="no such page")
            assert caught.value.code == -32602 and "nextCursor" in caught.value.message

    asyncio.run(main())


@everywhere
def test_a_call_gives_data_and_text(connect):
    async def main():
        async with connect() as client:
            result = await client.call_tool("text_count_letter", {"text": "banana", "letter": "a"})
            assert as_json(result) == {"result": 3}
            result = await client.call_tool("units_convert", {"value": 3, "from_unit": "km", "to_unit": "m"})
            assert 3000 in as_json(result).values()

    asyncio.run(main())


@everywhere
def test_every_result_fits_the_schema_that_was_listed(connect, functions):
    """The SDK checks that itself, and raises."""

    async def main():
        async with connect() as client:
            for name, function in functions.items():
                # The weather is of the network.
                if function["plugin"] == "weather":
                    continue
                result = await client.call_tool(name, function["examples"][0]["arguments"])
                assert result.content, name
                assert result.is_error or result.structured_content is not None, name

    asyncio.run(main())


@everywhere
def test_what_goes_wrong_in_a_call_is_a_result(connect):
    async def main():
        async with connect() as client:
            for tool, arguments, words in [
                ("units_convert", {"value": 3, "from_unit": "km", "to_unit": "kg"}, "kg"),
                ("units_convert", {"value": 3}, "from_unit"),
                ("units_convert", {"value": "x", "from_unit": "km", "to_unit": "m"}, "value"),
                ("text_count_letter", {"text": "a", "letter": "a", "extra": 1}, "extra"),
                ("route", {"request": ""}, "plain words"),
            ]:
                result = await client.call_tool(tool, arguments)
                assert result.is_error, (tool, arguments)
                assert words in result.content[0].text, result

    asyncio.run(main())


@everywhere
def test_an_unknown_tool_is_an_error_of_the_protocol(connect):
    async def main():
        async with connect() as client:
            with pytest.raises(MCPError) as caught:
                await client.call_tool("units_konvert", {})
            assert caught.value.code == -32602
            assert "units_convert" in caught.value.message
            result = await client.call_tool("text_count_letter", {"text": "a", "letter": "a"})
            assert as_json(result) == {"result": 1}, "the connection goes on"

    asyncio.run(main())


@everywhere
def test_progress_is_told_step_by_step(connect):
    async def main():
        async with connect() as client:
            for tool, arguments, steps in [
                ("text_count_letter", {"text": "banana", "letter": "a"}, ["accept", "dispatch", "done"]),
                (
                    "route",
                    {"request": "Convert 12 kilometers to miles"},
                    ["accept", "distil", "retrieve", "decode", "dispatch", "respond", "done"],
                ),
            ]:
                told = []

                async def listen(progress, total, message, told=told):
                    told.append((progress, total, message))

                await client.call_tool(tool, arguments, progress_callback=listen)
                until = time.monotonic() + TIMEOUT_S
                while len(told) < len(steps) and time.monotonic() < until:
                    await asyncio.sleep(0.02)
                assert [message for _, _, message in told] == steps
                assert [progress for progress, _, _ in told] == list(range(len(steps)))
                assert {total for _, total, _ in told} == {len(steps) - 1}

    asyncio.run(main())


@everywhere
def test_plain_words_are_routed_and_run(connect, functions):
    async def main():
        async with connect() as client:
            result = await client.call_tool("route", {"request": "Convert 12 kilometers to miles"})
            answer = result.structured_content
            assert result.content[0].text == answer["reply"] and answer["reply"]
            for call in answer["calls"]:
                assert call["tool"] in functions
                assert set(call["arguments"]) <= set(functions[call["tool"]]["parameters"]["properties"])
                assert ("result" in call) != ("error" in call)

    asyncio.run(main())


@everywhere
def test_many_calls_at_once_keep_their_answers_apart(connect):
    async def main():
        async with connect() as client:
            calls = [
                client.call_tool("text_count_letter", {"text": "a" * count, "letter": "a"}) for count in range(1, 25)
            ]
            results = await asyncio.gather(*calls)
            assert [as_json(result)["result"] for result in results] == list(range(1, 25))

    asyncio.run(main())


@everywhere
def test_a_call_that_is_aborted_leaves_the_others_alone(connect):
    async def main():
        async with connect() as client:
            for pause in (0, 0.005, 0.02):
                aborted = asyncio.create_task(client.call_tool("route", {"request": "Convert 12 kilometers to miles"}))
                beside = asyncio.create_task(client.call_tool("text_count_letter", {"text": "banana", "letter": "a"}))
                await asyncio.sleep(pause)
                aborted.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await aborted
                assert as_json(await beside) == {"result": 3}
            assert as_json(await client.call_tool("text_count_letter", {"text": "ab", "letter": "a"})) == {"result": 1}

    asyncio.run(main())


@pytest.mark.parametrize("connection", over_stdio)
def test_what_is_said_besides_goes_to_standard_error(connect, log):
    async def main():
        async with connect() as client:
            await client.list_tools()

    asyncio.run(main())
    log.seek(0)
    assert "ready" in log.read()


@needs_binary
def test_the_end_of_standard_input_ends_the_server():
    ended = subprocess.run([BINARY, "mcp"], input=b"", capture_output=True, timeout=TIMEOUT_S)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == b"", "standard output is for messages alone"


@needs_binary
def test_a_signal_ends_the_server_although_its_input_is_open():
    server = subprocess.Popen([BINARY, "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        server.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        server.stdin.flush()
        assert json.loads(server.stdout.readline()) == {"jsonrpc": "2.0", "id": 1, "result": {}}
        server.send_signal(signal.SIGTERM)
        output, _ = server.communicate(timeout=TIMEOUT_S)
        assert server.returncode == 0 and output == b""
    finally:
        server.kill()


@needs_binary
def test_a_client_that_speaks_something_else_is_told():
    message = b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n'
    ended = subprocess.run([BINARY, "mcp"], input=message, capture_output=True, timeout=TIMEOUT_S)
    assert ended.returncode != 0
    assert b"no MCP session began" in ended.stderr


@needs_binary
def test_the_help_shows_what_a_client_must_be_told():
    text = subprocess.run([BINARY, "mcp", "--help"], capture_output=True, text=True, timeout=TIMEOUT_S).stdout
    configuration = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert configuration["mcpServers"]["hyfunc"]["args"][0] == "mcp"


def test_pages_of_other_sites_are_kept_out(http_request):
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"accept": "application/json, text/event-stream"}
    for name, value in [("origin", "https://evil.example"), ("host", "evil.example")]:
        assert http_request("POST", "/mcp", message, {**accept, name: value}).status == 403, name


def test_a_message_that_is_too_large_is_413(http_request):
    try:
        reply = http_request("POST", "/mcp", b"x" * (3 << 20), {"accept": "application/json, text/event-stream"})
    except (BrokenPipeError, ConnectionResetError):
        # The server may answer and close before the body is through.
        assert http_request("GET", "/healthz").status == 200
        return
    assert reply.status == 413
    assert reply.json["error"]["data"]["code"] == "body_too_large"
