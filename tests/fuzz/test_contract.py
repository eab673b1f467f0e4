"""Every operation of both surfaces, fuzzed by schemathesis against a real server."""

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from tests.fuzz.hooks import TENANT
from tests.fuzz.run import ROOT, Run, run_schemathesis
from tests.server import Server

EXAMPLES = int(os.environ.get("BERTH_FUZZ_EXAMPLES", "20"))
SEED = int(os.environ.get("BERTH_FUZZ_SEED", secrets.randbits(32)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for this module alone, which fills it; it checks its answers too, and has a key."""
    data_dir = tmp_path_factory.mktemp("fuzz") / "data"
    new_key(data_dir)
    with Server(data_dir, WEB_CONCURRENCY="2", BERTH_VALIDATE_RESPONSES="true") as server:
        yield server


def test_no_request_gets_an_answer_that_breaks_the_document(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = ["--phases", "examples,coverage,fuzzing"]
    run = run_schemathesis(server.url, tmp_path, *authorized(server), *budget(SEED), *alone)
    show(run, capsys)

    assert run.status == 0, run.output
    assert run.report["operations"]["tested"] == run.report["operations"]["total"]


def test_no_workflow_gets_an_answer_that_breaks_the_document(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """schemathesis may end a run of workflows early: as soon as a repeated one goes another way."""
    done = 0
    while done < EXAMPLES:
        run = run_schemathesis(
            server.url,
            tmp_path,
            *authorized(server),
            *budget(SEED + done),
            "--phases",
            "stateful",
        )
        show(run, capsys)
        assert run.status == 0, run.output
        done += max(run.scenarios, 1)


def test_the_server_logs_no_failure_while_it_is_fuzzed(server: Server) -> None:
    log = server.log.read_text()

    assert '"level":"INFO"' in log
    assert '"level":"ERROR"' not in log


@pytest.mark.parametrize(
    ("path", "promise", "other", "found"),
    [
        ("/health", "enum: [ok], description: Always", "enum: [up], description: Never", "schema"),
        ("/v1/containers", "type: container_list", "type: container_page", "how_they_were_served"),
    ],
)
def test_a_broken_promise_is_found(
    server: Server, tmp_path: Path, path: str, promise: str, other: str, found: str
) -> None:
    document = tmp_path / "openapi.yaml"
    document.write_text((ROOT / "openapi.yaml").read_text().replace(promise, other))
    few = ["--include-name", f"GET {path}", "--phases", "coverage"]
    run = run_schemathesis(server.url, tmp_path, *authorized(server), *few, document=document)

    assert run.status == 1
    assert found in run.output


def new_key(data_dir: Path) -> str:
    """Make a key and return it."""
    arguments = ["keys", "create", "--tenant", TENANT, "--role", "admin"]
    environ: dict[str, str | None] = {n: None for n in os.environ if n.startswith("BERTH_")}
    environ["BERTH_DATA_DIR"] = str(data_dir)
    made = CliRunner().invoke(main, arguments, env=environ, catch_exceptions=False)
    assert made.exit_code == 0, made.output
    return made.stdout.strip()


def authorized(server: Server) -> list[str]:
    """Return the options that send a key of the server."""
    return ["--header", f"Authorization: Bearer {new_key(server.data_dir)}"]


def budget(seed: int) -> list[str]:
    """Return the options for a run that `seed` repeats."""
    return ["--max-examples", str(EXAMPLES), "--seed", str(seed)]


def show(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Print what a run did, also when it found nothing: its seed repeats it."""
    with capsys.disabled():
        sys.stdout.write(f"\n{run}\n")
