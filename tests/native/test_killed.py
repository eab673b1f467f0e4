"""A server that is killed between a provider's answer and its record."""

from pathlib import Path
from threading import Event, Thread

import pytest
import requests

from gateway.config import complete
from gateway.settings import Settings
from gateway.state import Gateway
from tests.native.configs import KEY, deployment, native, write_config
from tests.native.test_reconcile import holding
from tests.server import Server
from tests.upstreams.broken import Broken
from tests.upstreams.strict import Strict
from tests.waiting import wait_until

TIMEOUT_S = 20
BODY = {"name": "lost", "metadata": {"team": "finance"}}


def test_a_container_whose_create_was_cut_short_is_adopted_after_a_restart(tmp_path: Path) -> None:
    with Strict(KEY) as strict, Broken(strict) as broken:
        one = {"name": "main", "api_key": KEY, "base_url": broken.base_url}
        network = {"total_timeout_s": 1, "idle_timeout_s": 1}
        openai = {"deployments": [one], "network": network}
        path = write_config(tmp_path / "berth.yaml", {"openai": openai})
        with Server(tmp_path / "data", BERTH_CONFIG=str(path)) as server:
            wait_until(lambda: len(broken.requests) == 1)
            kill_while_creating(server, strict, broken)
            server.start()
            lost = list(strict.containers)
            wait_until(lambda: reconciled(server, broken) and listed(server) == lost)
            found = requests.get(containers(server) + f"/{lost[0]}", timeout=TIMEOUT_S).json()

    assert len(lost) == 1
    assert (found["name"], found["metadata"]) == ("lost", {"team": "finance"})


def reconciled(server: Server, broken: Broken) -> bool:
    """Reconcile beside the server; False when it is at it."""
    configs = {"openai": native(deployment(broken.base_url), network={"total_timeout_s": 1})}
    gateway = Gateway(Settings(data_dir=server.data_dir), complete(configs))
    found = gateway.reconciler.reconcile()
    gateway.registry.close()
    gateway.close()
    return bool(found)


def kill_while_creating(server: Server, strict: Strict, broken: Broken) -> None:
    """Kill the server when the provider has made the container but not said so."""
    done, go_on = Event(), Event()
    broken.script([holding(strict, done, go_on)])
    client = Thread(target=create_in_vain, args=[server])
    client.start()
    assert done.wait(TIMEOUT_S)
    server.kill()
    go_on.set()
    client.join()


def create_in_vain(server: Server) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.post(containers(server), json=BODY, timeout=TIMEOUT_S)


def containers(server: Server) -> str:
    return f"{server.url}/openai/v1/containers"


def listed(server: Server) -> list[str]:
    page = requests.get(containers(server), timeout=TIMEOUT_S).json()
    return [container["id"] for container in page["data"]]
