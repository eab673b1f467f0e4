"""The `berth` command, as it is run."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from gateway import VERSION
from gateway.app import create_app
from gateway.cli import main
from gateway.settings import Settings
from providers import PROVIDERS
from tests.calls import blobs_in, create, upload
from tests.server import Server, inherited

ROOT = Path(__file__).parent.parent
BERTH = (str(Path(sys.executable).parent / "berth"),)
GUNICORN = (sys.executable, "-m", "gunicorn")


def test_help_names_every_command_in_a_whole_sentence() -> None:
    ended = CliRunner().invoke(main, ["--help"])
    commands = ended.stdout.split("Commands:\n")[1].splitlines()

    names = ["audit", "doctor", "keys", "providers", "reconcile", "serve", "sweep", "tenants"]
    assert [line.split()[0] for line in commands] == names
    assert all(line.endswith(".") and not line.endswith("...") for line in commands)


def test_the_installed_command_tells_its_version() -> None:
    assert run(*BERTH, "--version").stdout == f"berth, version {VERSION}\n"


def test_an_unknown_command_is_refused() -> None:
    ended = CliRunner().invoke(main, ["sail"])

    assert ended.exit_code == 2
    assert "No such command 'sail'" in ended.stderr


def test_all_providers_are_shown_with_what_serves_them() -> None:
    rows = [line.split() for line in CliRunner().invoke(main, ["providers"]).stdout.splitlines()]

    assert rows == [[name, "hosted"] for name in PROVIDERS]
    assert len(rows) == 21


@pytest.mark.parametrize("command", [(*BERTH, "serve"), GUNICORN], ids=["berth", "gunicorn"])
def test_bad_settings_end_any_command_at_once(tmp_path: Path, command: tuple[str, ...]) -> None:
    ended = run(*command, PORT="http", BERTH_DATA_DIR=str(tmp_path / "data"))

    assert ended.returncode == 1
    assert "Berth cannot start:\n  - PORT: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_sweep_removes_what_is_over_and_nothing_else(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with TestClient(create_app(Settings(data_dir=data_dir))) as client:
        upload(client, create(client)["id"], b"kept")
    (data_dir / "blobs" / "ab" / f"ab{'0' * 30}").touch()
    ended = run(*BERTH, "sweep", BERTH_DATA_DIR=str(data_dir), BERTH_ORPHAN_GRACE_S="0")

    assert (ended.returncode, ended.stdout) == (0, "Swept.\n")
    assert [blob.read_bytes() for blob in blobs_in(data_dir)] == [b"kept"]


def test_a_sweep_leaves_the_next_one_free(tmp_path: Path) -> None:
    run(*BERTH, "sweep", BERTH_DATA_DIR=str(tmp_path / "data"))
    again = run(*BERTH, "sweep", BERTH_DATA_DIR=str(tmp_path / "data"))

    assert again.stdout == "Swept.\n"


def test_a_sweep_leaves_the_work_to_a_server(live: Server) -> None:
    ended = run(*BERTH, "sweep", BERTH_DATA_DIR=str(live.data_dir))

    assert ended.returncode == 0
    assert ended.stdout == "A serving process is sweeping; nothing to do.\n"


def run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this checkout to its end, with no settings but these."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env=inherited() | {"PYTHONPATH": str(ROOT)} | environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
