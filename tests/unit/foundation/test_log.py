"""What the platform says goes to standard error as it is then, not as it once was."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import structlog

from foundation.runtime import configure_log


def test_a_closed_stream_of_before_does_not_stop_the_log() -> None:
    former = io.StringIO()
    with redirect_stderr(former):
        configure_log()
        log = structlog.get_logger()
        log.warning("first")
    former.close()
    now = io.StringIO()
    with redirect_stderr(now):
        log.warning("second")
    assert "second" in now.getvalue()
