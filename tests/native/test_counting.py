"""Calls to native providers, and what reconciling found, are in the metrics."""

import re

from starlette.testclient import TestClient

from tests.calls import create, gateway_of
from tests.upstreams.strict import Strict


def counted(client: TestClient, name: str) -> dict[str, float]:
    """Return what a counter of the deployment says that is not 0, by its last label."""
    lines = re.findall(
        rf'^{name}{{deployment="main",\w+="(\w+)",provider="openai"}} (\S+)$'
        rf'|^{name}{{deployment="main",provider="openai",\w+="(\w+)"}} (\S+)$',
        client.get("/metrics").text,
        re.MULTILINE,
    )
    return {a or b: float(x or y) for a, x, b, y in lines if float(x or y)}


def test_calls_are_counted_by_their_outcome(native_client: TestClient, strict: Strict) -> None:
    made = create(native_client, provider="openai")
    native_client.get(f"/openai/v1/containers/{made['id']}/files/cfile_none")

    statuses = [request.status for request in strict.requests]
    outcomes = {"ok": statuses.count(200), "refused": statuses.count(404)}
    assert counted(native_client, "berth_upstream_calls_total") == outcomes
    assert outcomes["refused"] == 1


def test_what_reconciling_found_is_counted(native_client: TestClient, strict: Strict) -> None:
    strict.add_container("somebody's")
    gateway_of(native_client).reconciler.reconcile()

    assert counted(native_client, "berth_reconciled_total") == {"unowned": 1}
