"""Notices on their way: real sockets on this machine, a killed sender, and nothing but number and kind."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from foundation.errors import NotAllowed, NotFound
from foundation.runtime import Runtime
from patrol.notices import jobs, senders, service
from patrol.notices.preferences import Choice, Preferences

FORMS = {"email": "email", "sms": "phone", "dingtalk": "", "push": ""}
CANARY = "canary-7f3a"


class Killed(BaseException):
    """The process ends here."""


class HttpSink(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HttpAnswers)
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, bytes]] = []
        self.has_call = threading.Event()
        self.hold: threading.Event | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class HttpAnswers(BaseHTTPRequestHandler):
    server: HttpSink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.calls.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.server.has_call.set()
        if self.server.hold is not None and not self.server.hold.wait(30):
            raise TimeoutError
        status, said = self.server.answers.pop(0) if self.server.answers else (200, b'{"errcode": 0}')
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        # Whoever was killed reads no answer.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.end_headers()
            self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


class MailSink(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MailAnswers)
        self.messages: list[str] = []


class MailAnswers(socketserver.StreamRequestHandler):
    server: MailSink

    def handle(self) -> None:
        self.wfile.write(b"220 sink\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part)
                self.server.messages.append(b"".join(lines).decode())
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


@pytest.fixture
def http() -> Iterator[HttpSink]:
    with HttpSink() as sink:
        thread = threading.Thread(target=sink.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield sink
        sink.shutdown()
        thread.join()


@pytest.fixture
def mail() -> Iterator[MailSink]:
    with MailSink() as sink:
        thread = threading.Thread(target=sink.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield sink
        sink.shutdown()
        thread.join()


@pytest.fixture
def ways(net, http: HttpSink, mail: MailSink) -> HttpSink:  # type: ignore[no-untyped-def]
    """All channels, going to the sinks; the county's officer wants them all."""
    folder = Path(net.runtime.settings.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secret").write_text("s3cret\n")
    (folder / "notices.toml").write_text(f"""
[channels.email]
zh = "邮件"
en = "e-mail"
transport = "smtp"
host = "127.0.0.1"
port = {mail.server_address[1]}
security = "none"
sender = "landwarden@bureau.example"
[channels.sms]
zh = "短信"
en = "text message"
transport = "http"
address = "phone"
url = "{http.origin}/sms"
body = {{ to = "{{address}}", text = "{{text}}" }}
success = {{ field = "errcode", equals = 0 }}
[channels.dingtalk]
zh = "钉钉"
en = "DingTalk"
transport = "http"
url = "{http.origin}/robot?access_token=a"
sign = "dingtalk"
secret_file = "{folder}/secret"
body = {{ msgtype = "text", text = {{ content = "{{title}} {{text}}" }} }}
[webhooks.oa]
url = "{http.origin}/hook"
secret_file = "{folder}/secret"
kinds = ["warn"]
[push]
contact = "mailto:admin@bureau.example"
hosts = ["{http.origin}"]
""")
    return http


def choose(net, *keys: str, **values: object) -> None:  # type: ignore[no-untyped-def]
    address = {"email": "a@bureau.example", "sms": "13800000000"}
    channels = {key: Choice(is_on=True, address=address.get(key, "")) for key in keys}
    net.do("county", service.keep_preferences, Preferences(channels=channels, **values), forms=FORMS)


def tell(net, kind: str = "warn", number: str = "410883-2609-0001") -> UUID:  # type: ignore[no-untyped-def]
    event_id = uuid4()
    with net.runtime.database.transaction(net.runtime.system) as session:
        service.tell(
            session,
            event_id=event_id,
            account_id=net.actor("county").account_id,
            kind=kind,
            subject=("patch", uuid4()),
            number=number,
            now=net.clock(),
        )
    return event_id


def paths(http: HttpSink) -> list[str]:
    return sorted(path.partition("?")[0] for path, _, _ in http.calls)


def test_every_way_carries_number_and_kind_alone(net, ways: HttpSink, mail: MailSink) -> None:  # type: ignore[no-untyped-def]
    choose(net, "email", "sms", "dingtalk", "push")
    device = net.do("county", service.add_device, f"{ways.origin}/push/1", CANARY, hosts=(ways.origin,))
    tell(net)
    assert jobs.deliver(net.runtime) == (1, 5, 0)
    assert jobs.deliver(net.runtime) == (0, 0, 0)
    assert paths(ways) == ["/hook", "/push/1", "/robot", "/sms"]
    by_path = {path.partition("?")[0]: (headers, body) for path, headers, body in ways.calls}
    headers, body = by_path["/hook"]
    signed = hmac.new(b"s3cret", headers["x-landwarden-time"].encode() + b"." + body, hashlib.sha256)
    assert headers["x-landwarden-signature"] == f"sha256={signed.hexdigest()}"
    assert {key: json.loads(body)[key] for key in ("kind", "number")} == {
        "kind": "warn",
        "number": "410883-2609-0001",
    }
    headers, body = by_path["/push/1"]
    assert body == b""
    assert headers["authorization"].startswith("vapid t=")
    assert json.loads(by_path["/sms"][1])["text"] == ("图斑 410883-2609-0001：办理期限将至\n请登录平台查看。")
    (letter,) = mail.messages
    assert "Message-ID: <" in letter
    everything = letter + repr(ways.calls)
    for secret in (CANARY, "大队甲", "s3cret", str(net.actor("county").account_id)):
        assert secret not in everything
    assert len({headers["idempotency-key"] for _, headers, _ in ways.calls}) == 4
    net.do("county", service.end_device, device.device_id)


def test_a_sender_killed_after_sending_sends_again_under_the_same_key(  # type: ignore[no-untyped-def]
    net, ways: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(net, "sms")
    tell(net, kind="assigned")
    send = senders.Sender.send

    def die(self: senders.Sender, *args: object, **options: object) -> None:
        send(self, *args, **options)  # type: ignore[arg-type]
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(senders.Sender, "send", die)
        with pytest.raises(Killed):
            jobs.deliver(net.runtime)
    assert jobs.deliver(net.runtime) == (0, 0, 0)  # its sender may still live
    net.at(2026, 9, 8, 14, 10)
    assert jobs.deliver(net.runtime) == (0, 1, 0)
    first, second = ways.calls
    assert first[1]["idempotency-key"] == second[1]["idempotency-key"]
    assert first[2] == second[2]
    assert net.rows("SELECT status, tries FROM notice_message") == [{"status": "sent", "tries": 2}]


def test_kill_9_of_the_worker_while_it_sends_loses_nothing(net, ways: HttpSink) -> None:  # type: ignore[no-untyped-def]
    choose(net, "sms", quiet_from="00:00", quiet_to="00:00")
    for serial in range(3):
        tell(net, kind="assigned", number=f"N-{serial}")
    ways.hold = threading.Event()
    code = (
        "import sys; from foundation.runtime import connect; from foundation.settings import read_settings\n"
        "from patrol.notices.jobs import deliver\n"
        "with connect(read_settings(data_dir=sys.argv[1]), sys.argv[2]) as runtime: deliver(runtime)"
    )
    folder, url = str(net.runtime.settings.data_dir), net.runtime.database.url
    worker = subprocess.Popen([sys.executable, "-c", code, folder, url])
    assert ways.has_call.wait(30)
    worker.kill()
    assert worker.wait() == -signal.SIGKILL
    ways.hold.set()
    net.at(2100, 1, 1, 12)
    assert jobs.deliver(net.runtime).sent == 3
    said: dict[str, set[str]] = {}
    for _, headers, body in ways.calls:
        said.setdefault(headers["idempotency-key"], set()).add(json.loads(body)["text"])
    assert len(ways.calls) == 4
    assert [len(texts) for texts in said.values()] == [1, 1, 1]


def test_refusals_are_tried_again_then_given_up_and_seen(net, ways: HttpSink) -> None:  # type: ignore[no-untyped-def]
    choose(net, "sms", quiet_from="00:00", quiet_to="00:00")
    tell(net, kind="assigned")
    ways.answers = [(503, b"")] * 6 + [(200, b'{"errcode": 40014}')]
    for moment in ((8, 15), (8, 15, 2), (8, 15, 10), (8, 15, 40), (8, 17), (8, 22), (9, 11)):
        net.at(2026, 9, *moment) if len(moment) > 2 else net.at(2026, 9, *moment, 0)
        assert jobs.deliver(net.runtime).failed == 1, moment
    assert len({headers["idempotency-key"] for _, headers, _ in ways.calls}) == 1
    with pytest.raises(NotAllowed):
        net.do("county", lambda s, a, now: service.list_undelivered(s, a, limit=10))
    with net.runtime.database.transaction(net.runtime.system) as session:
        (dead,) = service.list_undelivered(session, net.runtime.system, limit=10)
        assert (dead.channel, dead.tries, dead.fault, dead.target) == ("sms", 7, "errcode=40014", "")
        service.send_again(session, net.runtime.system, dead.message_id, now=net.clock())
    assert jobs.deliver(net.runtime) == (0, 1, 0)
    ways.answers = [(400, b"")]
    tell(net, kind="assigned")
    assert jobs.deliver(net.runtime).failed == 1
    assert net.rows("SELECT count(*) AS n FROM notice_message WHERE status = 'dead'") == [{"n": 1}]


def test_the_night_is_quiet_and_the_morning_rings_once(net, ways: HttpSink) -> None:  # type: ignore[no-untyped-def]
    choose(net, "sms")
    net.at(2026, 9, 8, 22, 30)
    for serial in range(3):
        tell(net, kind="assigned", number=f"N-{serial}")
    assert jobs.deliver(net.runtime) == (3, 0, 0)
    tell(net, kind="assigned_urgent", number="U-1")
    assert jobs.deliver(net.runtime) == (1, 1, 0)
    assert "U-1" in json.loads(ways.calls[0][2])["text"]
    net.at(2026, 9, 9, 7, 1)
    assert jobs.deliver(net.runtime) == (0, 1, 0)
    said = json.loads(ways.calls[1][2])["text"]
    assert [f"N-{serial}" in said for serial in range(3)] == [True] * 3


def test_a_device_that_is_gone_ends_and_a_hook_hears_an_event_once(net, ways: HttpSink) -> None:  # type: ignore[no-untyped-def]
    net.do("county", service.add_device, f"{ways.origin}/push/1", "甲机", hosts=(ways.origin,))
    event_id = tell(net)
    with net.runtime.database.transaction(net.runtime.system) as session:
        service.tell(
            session,
            event_id=event_id,
            account_id=net.actor("city").account_id,
            kind="warn",
            subject=("patch", uuid4()),
            number="410883-2609-0001",
            now=net.clock(),
        )
    ways.answers = [(410, b""), (410, b"")]
    jobs.deliver(net.runtime)
    assert paths(ways) == ["/hook", "/push/1"]
    assert net.do("county", lambda s, a, now: service.devices_of(s, a)) == []


def test_notices_commit_with_their_event_and_are_seen_by_one_person(net, runtime: Runtime) -> None:  # type: ignore[no-untyped-def]
    with runtime.database.transaction(runtime.system) as session:
        service.tell(
            session,
            event_id=uuid4(),
            account_id=net.actor("county").account_id,
            kind="warn",
            subject=("patch", uuid4()),
            number="1",
            now=net.clock(),
        )
        session.rollback()
    assert net.rows("SELECT 1 FROM notice") == []
    tell(net)
    (mine,) = net.do("county", lambda s, a, now: service.list_notices(s, a, is_unread=True, limit=9))
    for login in ("county-2", "city"):
        count = net.do(login, lambda s, a, now: s.scalar(text("SELECT count(*) FROM notice")))
        assert count == 0, login
        with pytest.raises(NotFound, match="没有这条通知"):
            net.do(login, service.read_notice, mine.notice_id)
    first = net.do("county", service.read_notice, mine.notice_id).read_at
    net.at(2026, 9, 9, 9)
    assert net.do("county", service.read_notice, mine.notice_id).read_at == first
    assert net.do("county", lambda s, a, now: service.count_unread(s, a)) == 0


def test_handing_down_tells_the_next_pair_of_hands(net) -> None:  # type: ignore[no-untyped-def]
    from patrol import service as patrol

    patch_id = net.add_patch()
    net.do("county", patrol.dispatch, patch_id)
    rows = net.rows(
        "SELECT n.kind, n.number, a.status FROM notice n JOIN assignment a ON a.assignment_id = n.event_id"
        " AND a.holder_account_id = n.account_id"
    )
    assert rows == [{"kind": "assigned", "number": "410883-2609-0001", "status": "sent"}]
