"""Delivery: every minute, as long as a worker works. A killed run loses nothing; the next takes it up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from foundation.jobs import JobQueue, check_called_off
from patrol.notices.channels import Channels, read_channels
from patrol.notices.notices import notice_policy
from patrol.notices.vapid import VapidKey

if TYPE_CHECKING:
    from foundation.runtime import Runtime
    from patrol.notices.senders import Sender

log = structlog.get_logger()


class DeliveryReport(NamedTuple):
    """What one run did."""

    laid_out: int
    sent: int
    failed: int


def register(queue: JobQueue) -> None:
    """Add the job to the queue."""

    def run(runtime: Runtime, **arguments: Any) -> None:
        deliver(runtime, **arguments)

    queue.add("patrol.deliver_notices", run, cron="* * * * *")


def channels_of(runtime: Runtime) -> Channels:
    """Ways out of this installation."""
    return read_channels(Path(runtime.settings.data_dir) / "notices.toml")


def push_key_of(runtime: Runtime) -> VapidKey:
    """The key that push services know."""
    return VapidKey(Path(runtime.settings.data_dir) / "keys")


def deliver(runtime: Runtime) -> DeliveryReport:
    """Lay out messages for new notices and send what is due.

    A message is claimed in a transaction of its own before it is sent: whoever is killed in between leaves
    it to the next run, which sends it again under the same key.
    """
    import httpx

    from patrol.notices import outbox
    from patrol.notices.senders import Sender

    rules = notice_policy()["delivery"]
    channels = channels_of(runtime)
    laid_out = 0
    while True:
        with runtime.database.transaction(runtime.system) as session:
            count = outbox.lay_out(session, channels, now=runtime.clock())
        laid_out += count
        if count < rules["a_run"]:
            break
    options = {"timeout": rules["timeout_s"], "follow_redirects": False, "trust_env": False}
    with httpx.Client(**options, proxy=channels.proxy) as client:
        sender = Sender(channels, push_key_of(runtime), client, timeout_s=rules["timeout_s"])
        sent, failed = _send_due(runtime, channels, sender, at_most=rules["a_run"])
    return DeliveryReport(laid_out, sent, failed)


def _send_due(runtime: Runtime, channels: Channels, sender: Sender, *, at_most: int) -> tuple[int, int]:
    from patrol.notices import outbox

    sent = failed = 0
    for _ in range(at_most):
        check_called_off()
        with runtime.database.transaction(runtime.system) as session:
            claimed = outbox.claim(session, channels, now=runtime.clock())
        if claimed is None:
            break
        key, errand = claimed
        if errand is None:
            continue
        fault = sender.send(errand, now=runtime.clock())
        with runtime.database.transaction(runtime.system) as session:
            if fault is None:
                outbox.settle_sent(session, key, now=runtime.clock())
                sent += 1
                continue
            failed += 1
            log.warning("notice.not_sent", channel=errand.channel, key=str(key), fault=fault.text)
            outbox.settle_failed(
                session,
                key,
                fault.text,
                is_final=fault.is_final,
                is_gone=fault.is_gone,
                pause_s=fault.pause_s,
                now=runtime.clock(),
            )
    return sent, failed
