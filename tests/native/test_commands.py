"""The commands that look after deployments, as they are run."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from gateway.cli import main
from tests.conftest import Clock
from tests.native.configs import KEY, write_config
from tests.server import Server, inherited
from tests.upstreams.strict import Strict
from tests.upstreams.unreachable import refusing

Ended = subprocess.CompletedProcess[str]
WRONG_KEY = "sk-proj-wrong-9999"


def berth(tmp_path: Path, command: str, **providers: object) -> Ended:
    """Run a command with a configuration."""
    environ = inherited()
    environ["BERTH_CONFIG"] = str(write_config(tmp_path / "berth.yaml", providers))
    environ["BERTH_DATA_DIR"] = str(tmp_path / "data")
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", command],
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def openai(*deployments: dict[str, object], **network: object) -> dict[str, object]:
    return {"deployments": list(deployments), "network": {"max_retries": 0, **network}}


def at(base_url: str, name: str = "main", key: str = KEY, **fields: object) -> dict[str, object]:
    return {"name": name, "api_key": key, "base_url": base_url, **fields}


def test_the_providers_are_shown_with_their_deployments(tmp_path: Path) -> None:
    both = openai(at("http://a/v1"), at("http://b/v1", "eu"))
    path = write_config(tmp_path / "berth.yaml", {"openai": both, "cohere": {"backend": "off"}})
    environ = {"BERTH_CONFIG": str(path), "BERTH_DATA_DIR": str(tmp_path / "data")}
    ended = CliRunner().invoke(main, ["providers"], env=environ)
    lines = ended.stdout.splitlines()

    assert len(lines) == 21
    assert lines[0].split(maxsplit=2) == ["openai", "native", "main, eu"]
    assert "cohere       off" in lines
    assert KEY not in ended.stdout + ended.stderr


def test_the_doctor_says_what_works_and_what_does_not(tmp_path: Path) -> None:
    behind = Clock(time.time() - 4000)
    with Strict(KEY) as good, Strict(KEY, clock=behind) as slow, refusing() as origin:
        deployments = [
            at(good.base_url),
            at(good.base_url, "wrong", WRONG_KEY),
            at(f"{origin}/v1", "away"),
            at(slow.base_url, "slow"),
            at(f"{good.origin}/nowhere", "lost"),
        ]
        ended = berth(tmp_path, "doctor", openai=openai(*deployments))
    said = dict(line.split(": ", 1) for line in ended.stdout.splitlines())

    assert said.pop("openai/slow").startswith("The clocks differ by 40")
    assert said == {
        "openai/main": "works",
        "openai/wrong": "The provider refuses the gateway's credentials.",
        "openai/away": "The provider cannot be reached.",
        "openai/lost": "Invalid URL (GET /nowhere/containers)",
    }
    assert ended.returncode == 1
    assert WRONG_KEY not in ended.stdout + ended.stderr


def test_the_doctor_is_content_when_all_works(tmp_path: Path) -> None:
    with Strict(KEY) as good:
        ended = berth(tmp_path, "doctor", openai=openai(at(good.base_url)))

    assert (ended.returncode, ended.stdout) == (0, "openai/main: works\n")


def test_without_deployments_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert "No deployment is configured" in berth(tmp_path, "doctor").stdout


def test_reconciling_tells_what_it_found(tmp_path: Path) -> None:
    with Strict(KEY) as strict:
        theirs = strict.add_container("theirs")
        first = berth(tmp_path, "reconcile", openai=openai(at(strict.base_url)))
        owned = at(strict.base_url, tenant="default")
        second = berth(tmp_path, "reconcile", openai=openai(owned))

    assert f"  nobody owns {theirs}\n" in first.stdout
    assert "openai/main: 0 adopted, 0 ended, 0 deleted, 1 unowned" in first.stdout
    assert "openai/main: 1 adopted" in second.stdout


def test_reconciling_fails_when_a_deployment_cannot_be_asked(tmp_path: Path) -> None:
    with refusing() as origin:
        ended = berth(tmp_path, "reconcile", openai=openai(at(f"{origin}/v1")))

    assert ended.stdout == "openai/main: The provider cannot be reached.\n"
    assert ended.returncode == 1


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_mistakes_in_the_configuration_end_any_command(tmp_path: Path, command: str) -> None:
    wrong = at("nonsense", "a b", WRONG_KEY, surplus=WRONG_KEY)
    ended = berth(tmp_path, command, openai=openai(wrong), cohere={"backend": WRONG_KEY})

    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 5
    assert WRONG_KEY not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_server_starts_by_the_variables_alone(tmp_path: Path) -> None:
    with Strict(KEY) as strict:
        variables = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": strict.base_url}
        with Server(tmp_path / "data", **variables) as server:
            made = requests.post(
                f"{server.url}/openai/v1/containers", json={"name": "n"}, timeout=20
            ).json()

    assert made["extra_fields"]["model_deployment"] == "default"
