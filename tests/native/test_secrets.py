"""A secret of the configuration, or of a client, is told to the provider and to nobody else."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.native.configs import write_config
from tests.server import Server
from tests.upstreams.behaviours import (
    answer,
    error,
    error_inside,
    hang_up,
    html,
    lost_reply,
    not_http,
    redirect,
    wrong_json,
)
from tests.upstreams.broken import Broken
from tests.upstreams.strict import Strict

CANARY = "sk-proj-canary-0f1e2d3c4b5a"
CONFIDED = "hush-confided-7777"
POLICY = {
    "type": "allowlist",
    "allowed_domains": ["example.com"],
    "domain_secrets": [{"domain": "example.com", "name": "TOKEN", "value": CONFIDED}],
}
BODY = {"name": "n", "network_policy": POLICY}
RAW = {"x-bf-send-back-raw-request": "true", "x-bf-send-back-raw-response": "true"}
ECHO = {"error": {"message": f"Bad key {CANARY}", "type": "x", "param": None, "code": None}}
TIMEOUT_S = 20


class Told:
    """What a server told: to clients, to its log, and to its database."""

    def __init__(self, server: Server) -> None:
        self.url = f"{server.url}/openai/v1/containers"
        self.server = server
        self.answers: list[requests.Response] = []

    def call(self, method: str, path: str = "", **request: object) -> requests.Response:
        """Send a request and keep its answer."""
        headers = {**RAW, "Authorization": "Bearer sk-any"}
        got = requests.request(
            method,
            self.url + path,
            headers=headers,
            timeout=TIMEOUT_S,
            **request,  # type: ignore[arg-type]
        )
        self.answers.append(got)
        return got

    def everything(self) -> bytes:
        """Return all of it."""
        stored = [p.read_bytes() for p in self.server.data_dir.rglob("*") if p.is_file()]
        said = [a.content + str(a.headers).encode() for a in self.answers]
        return b"\n".join([*stored, *said, self.server.log.read_bytes()])


@pytest.fixture
def upstream() -> Iterator[Strict]:
    with Strict(CANARY) as server:
        yield server


@pytest.fixture
def broken(upstream: Strict) -> Iterator[Broken]:
    with Broken(upstream) as server:
        yield server


def config(tmp_path: Path, base_url: str, **fields: object) -> str:
    """Write a configuration whose key is the canary."""
    one = {"name": "main", "api_key": CANARY, "base_url": base_url}
    network = {"max_retries": 0, "idle_timeout_s": 2}
    openai = {"deployments": [one], "network": network, **fields}
    return str(write_config(tmp_path / "berth.yaml", {"openai": openai}))


def test_the_canary_is_found_nowhere(tmp_path: Path, upstream: Strict, broken: Broken) -> None:
    path = config(tmp_path, broken.base_url)
    bad = [error(401), error(403), error(500), error(429), html(502), error_inside(), not_http()]
    bad += [hang_up(), wrong_json(), redirect(f"http://x/?key={CANARY}"), lost_reply(upstream)]
    with Server(tmp_path / "data", BERTH_CONFIG=path, BERTH_LOG_LEVEL="debug") as server:
        told = Told(server)
        for behaviour in bad:
            broken.script([behaviour, answer(), answer()])
            told.call("POST", json=BODY)
        broken.script([answer(json.dumps(ECHO).encode(), status=401)])
        told.call("POST", json=BODY)
        broken.script([])
        told.answers.append(requests.get(f"{server.url}/v1/providers", timeout=TIMEOUT_S))
        everything = told.everything()

    assert CANARY.encode() not in everything
    assert CONFIDED.encode() not in everything
    assert all(asked.headers["authorization"] == f"Bearer {CANARY}" for asked in broken.requests)


def test_what_was_said_upstream_is_shown_when_asked_for(tmp_path: Path, upstream: Strict) -> None:
    with Server(tmp_path / "data", BERTH_CONFIG=config(tmp_path, upstream.base_url)) as server:
        told = Told(server)
        made = told.call("POST", json=BODY).json()
        files = f"/{made['id']}/files"
        uploaded = told.call("POST", files, files={"file": ("a", b"bytes-of-a-file")}).json()
        given = requests.post(
            f"{server.url}/openai/v1/files",
            data={"purpose": "user_data"},
            files={"file": ("given.txt", b"given")},
            timeout=TIMEOUT_S,
        ).json()
        copied = told.call("POST", files, json={"file_id": given["id"]}).json()
        told.call("GET", f"/{made['id']}")
        told.call("GET", f"{files}/{uploaded['id']}")
        listed = told.call("GET", files).json()
        plain = requests.get(f"{told.url}/{made['id']}", timeout=TIMEOUT_S).json()
        everything = told.everything()
    raw = made["extra_fields"]

    allowlist = {k: v for k, v in POLICY.items() if k != "domain_secrets"}
    assert raw["raw_request"]["network_policy"] == allowlist
    assert raw["raw_response"]["id"] == made["id"]
    assert "raw_request" not in uploaded["extra_fields"]
    assert uploaded["extra_fields"]["raw_response"]["id"] == uploaded["id"]
    assert copied["extra_fields"]["raw_request"] == {"file_id": given["id"]}
    assert listed["extra_fields"]["raw_response"]["object"] == "list"
    assert not {"raw_request", "raw_response"} & plain["extra_fields"].keys()
    assert all(s not in everything for s in (CANARY.encode(), CONFIDED.encode(), b"bytes-of-a-"))
    assert upstream.violations == []


def test_what_was_said_upstream_is_always_shown_when_the_configuration_says_so(
    tmp_path: Path, upstream: Strict
) -> None:
    path = config(
        tmp_path, upstream.base_url, send_back_raw_request=True, send_back_raw_response=True
    )
    with Server(tmp_path / "data", BERTH_CONFIG=path) as server:
        made = requests.post(Told(server).url, json=BODY, timeout=TIMEOUT_S).json()

    assert {"raw_request", "raw_response"} <= made["extra_fields"].keys()
    assert CONFIDED not in json.dumps(made)


def test_a_setting_forbids_to_show_what_was_said_upstream(tmp_path: Path, upstream: Strict) -> None:
    path = config(tmp_path, upstream.base_url)
    with Server(tmp_path / "data", BERTH_CONFIG=path, BERTH_ALLOW_RAW="false") as server:
        made = Told(server).call("POST", json=BODY).json()

    assert not {"raw_request", "raw_response"} & made["extra_fields"].keys()
