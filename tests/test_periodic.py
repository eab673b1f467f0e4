"""Work that is done again and again: it goes on after a failure, which is logged once."""

import logging
import threading
from collections.abc import Iterator

import pytest

from gateway.periodic import Periodic


def test_a_failure_that_goes_on_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    outcomes: Iterator[str | None] = iter(["full", "full", "full", "busy", None, "busy", None])
    ended = threading.Event()

    def work() -> None:
        outcome = next(outcomes, "")
        if outcome == "":
            ended.set()
        elif outcome is not None:
            raise OSError(outcome)

    periodic = Periodic("work", 0.001, work)
    with caplog.at_level(logging.ERROR, "berth.periodic"):
        periodic.start()
        assert ended.wait(5)
        periodic.stop()

    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "full",
        "busy",
        "busy",
    ]
