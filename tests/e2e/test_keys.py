"""A gateway that wants keys, as the `openai` client meets it: keys from the command line, errors by their classes."""

import os
import stat
import subprocess
import time

import openai
import pytest
from conftest import serving

BINARY = os.environ.get("HYFUNC_BIN")
TIMEOUT_S = 60

pytestmark = pytest.mark.skipif(not BINARY, reason="HYFUNC_BIN names no binary")


def hyfunc(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S)


def create(file, name, *options):
    made = hyfunc("key", "create", name, "--file", str(file), *options)
    assert made.returncode == 0, made.stderr
    assert made.stdout.strip() not in made.stderr, "the key alone goes to standard output"
    return made.stdout.strip()


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "keys.toml"
    made = {
        "caller": create(file, "caller"),
        "reader": create(file, "reader", "--role", "read"),
        "kiosk": create(file, "kiosk", "--scope", "units_*"),
        "slow": create(file, "slow", "--requests-per-minute", "1"),
        "revoked": create(file, "revoked"),
    }
    return file, made


@pytest.fixture(scope="module")
def base(keys):
    """Address of a gateway with these keys."""
    file, _ = keys
    with serving(file.with_name("server.log"), "--keys", str(file)) as address:
        yield address


def client(base, key):
    return openai.OpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0, timeout=TIMEOUT_S)


def ask(base, key, text="how many miles are 3 km?"):
    messages = [{"role": "user", "content": text}]
    return client(base, key).chat.completions.create(model="hyfunc-tiny", messages=messages)


def test_the_file_is_for_its_owner_and_holds_no_key(keys):
    file, made = keys
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert all(key.rsplit("_", 1)[1] not in text for key in made.values())
    listed = hyfunc("key", "list", "--file", str(file)).stdout
    assert all(name in listed for name in made)


def test_the_right_key_opens(base, keys):
    _, made = keys
    assert client(base, made["caller"]).models.list().data
    assert ask(base, made["caller"]).choices[0].message.content


@pytest.mark.parametrize("key", ["unused", "hyf_000000000000_0", "sk-proj-1"])
def test_a_wrong_key_is_an_authentication_error(base, key):
    with pytest.raises(openai.AuthenticationError) as refused:
        ask(base, key)
    assert refused.value.code == "invalid_api_key"
    assert refused.value.response.headers["www-authenticate"].startswith("Bearer")


def test_a_key_without_the_role_is_a_permission_error(base, keys):
    _, made = keys
    assert client(base, made["reader"]).models.list().data
    with pytest.raises(openai.PermissionDeniedError) as refused:
        ask(base, made["reader"])
    assert refused.value.code == "role_missing"


def test_a_scoped_key_sees_its_functions_alone(base, keys):
    _, made = keys
    reply = ask(base, made["kiosk"], "remind me to buy milk, and how many miles are 3 km?")
    candidates = reply.model_extra["hyfunc"]["candidates"]
    assert all(candidate["name"].startswith("units_") for candidate in candidates)


def test_a_key_that_is_used_up_is_a_rate_limit_error(base, keys):
    _, made = keys
    assert client(base, made["slow"]).models.list().data
    with pytest.raises(openai.RateLimitError) as refused:
        client(base, made["slow"]).models.list()
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 60


def test_a_revoked_key_is_refused_without_a_restart(base, keys):
    file, made = keys
    assert client(base, made["revoked"]).models.list().data
    assert hyfunc("key", "revoke", "revoked", "--file", str(file)).returncode == 0
    began = time.monotonic()
    while True:
        try:
            client(base, made["revoked"]).models.list()
        except openai.AuthenticationError:
            break
        assert time.monotonic() - began < TIMEOUT_S, "it still opens"
        time.sleep(0.1)


def test_beyond_loopback_takes_keys_or_somebody_who_says_otherwise():
    ended = hyfunc("serve", "--address", "0.0.0.0:0")
    assert ended.returncode != 0
    assert "hyfunc key create" in ended.stderr and "--allow-public" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "--address", "127.0.0.1:0", "--keys", "/no/such/keys.toml"], "hyfunc key create"),
        (["key", "list"], "--file"),
        (["key", "revoke", "nobody", "--file", "/no/such/keys.toml"], "hyfunc key create"),
        (["key", "create", "a b", "--file", "keys.toml"], "a name is 1 to 64"),
        (["key", "create", "a", "--file", "/no/such/folder/keys.toml"], "check keys.file"),
    ],
)
def test_what_cannot_be_done_says_what_can(arguments, words):
    ended = hyfunc(*arguments)
    assert ended.returncode != 0 and words in ended.stderr, ended.stderr
    assert "panicked" not in ended.stderr
