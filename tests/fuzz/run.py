"""Runs schemathesis as anyone would, and reads its report."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Run:
    """What a run of schemathesis did and found."""

    output: str
    status: int
    scenarios: int
    report: dict[str, Any]

    def __str__(self) -> str:
        cases, checked = self.report["test_cases"]["generated"], self.report["operations"]["tested"]
        seconds, failures = self.report["running_time"], len(self.report["failures"])
        return (
            f"schemathesis --seed {self.report['seed']}: {cases} requests to {checked} operations, "
            f"{self.scenarios} workflows, {failures} failures in {seconds:.0f} s"
        )


def run_schemathesis(url: str, folder: Path, *options: str, document: Path | None = None) -> Run:
    """Test the server at `url`; `folder` is for the report."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(document or "openapi.yaml")]
    command += ["--url", url, "--checks", "all", "--report-json-path", str(report), *options]
    done = subprocess.run(
        [*command, "--no-color"],
        cwd=ROOT,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if not report.exists():
        raise RuntimeError(f"schemathesis did not run:\n{done.stdout}")
    scenarios = re.search(r"Scenarios: +(\d+)", done.stdout)
    count = int(scenarios[1]) if scenarios else 0
    return Run(done.stdout, done.returncode, count, json.loads(report.read_bytes()))
