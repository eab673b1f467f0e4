"""`berth keys`: makes, shows and ends the keys of a running server, and says what it cannot do."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import requests
from click.testing import CliRunner

from gateway.cli import main
from gateway.keys import FRESH_S
from tests.calls import Json
from tests.server import Server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of two processes."""
    with Server(tmp_path_factory.mktemp("served") / "data", WEB_CONCURRENCY="2") as server:
        yield server


def berth(server: Server, *arguments: str) -> str:
    """Return what a `berth` command says on its standard output."""
    done = CliRunner().invoke(
        main, arguments, env={"BERTH_DATA_DIR": str(server.data_dir)}, catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def statuses(server: Server, secret: str) -> set[int]:
    """Return how both processes answer: each request comes over a connection of its own."""
    headers = {"Authorization": f"Bearer {secret}", "Connection": "close"}
    url = f"{server.url}/v1/containers?provider=ollama"
    return {requests.get(url, headers=headers, timeout=10).status_code for _ in range(20)}


def test_the_command_makes_and_ends_keys_of_a_running_server(served: Server) -> None:
    assert statuses(served, "anything") == {200}

    secret = berth(served, "keys", "create", "--tenant", "research", "--quiet")
    time.sleep(FRESH_S + 0.5)
    assert (statuses(served, secret), statuses(served, "anything")) == ({200}, {401})
    told_by_sdk(served, secret)

    (line,) = berth(served, "keys", "list").splitlines()
    assert secret not in line
    (listed,) = map(json.loads, berth(served, "keys", "list", "--json").splitlines())
    assert (listed["tenant"], listed["hint"]) == ("research", secret[:7])
    assert not {"hash", "secret"} & listed.keys()
    berth(served, "keys", "revoke", line.split()[0])
    time.sleep(FRESH_S + 0.5)
    assert statuses(served, secret) == {401}
    assert_nowhere(secret, served)


def told_by_sdk(server: Server, secret: str) -> None:
    """Check that OpenAI's SDK works with the key, and says so when it does not."""
    for surface in ("/openai/v1", "/v1"):
        url = server.url + surface
        query: Json = {"provider": "ollama"}
        good = openai.OpenAI(api_key=secret, base_url=url, default_query=query)
        bad = openai.OpenAI(api_key="sk-wrong", base_url=url, default_query=query)
        assert list(good.containers.list()) == []
        with pytest.raises(openai.AuthenticationError):
            bad.containers.list()


def assert_nowhere(secret: str, server: Server) -> None:
    """Check that the key is in no log and no file of the data directory."""
    kept = [server.log, *(path for path in server.data_dir.rglob("*") if path.is_file())]

    assert [path for path in kept if secret.encode() in path.read_bytes()] == []


def test_a_network_address_needs_a_key(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with pytest.raises(RuntimeError, match="berth keys create --tenant NAME"):
        Server(data_dir, HOST="0.0.0.0").start()

    made = CliRunner().invoke(
        main, ["keys", "create", "--tenant", "a"], env={"BERTH_DATA_DIR": str(data_dir)}
    )
    assert made.exit_code == 0
    with Server(data_dir, HOST="0.0.0.0") as server:
        assert statuses(server, made.stdout.strip()) == {200}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["create", "--tenant", "a b"], "use 1 to 64 of"),
        (["create", "--tenant", "a", "--providers", "openai,none"], "there is no provider 'none'"),
        (["create", "--tenant", "a", "--expires", "soon"], "'soon' is no time such as 90d"),
        (["create", "--tenant", "a", "--max-bytes", "0"], "0 is not in the range"),
        (["revoke", "key_none"], "Key with id 'key_none' not found."),
        (["rotate", "key_none"], "Key with id 'key_none' not found."),
    ],
)
def test_a_command_that_cannot_be_done_says_why(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    done = CliRunner().invoke(main, ["keys", *arguments], env={"BERTH_DATA_DIR": str(tmp_path)})

    assert done.exit_code != 0
    assert sentence in done.output
