"""Sending one message: SMTP, a templated HTTP call, a signed webhook, a web push without content."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import httpx

from patrol.notices.channels import PLACE, Call, Channels, Mail
from patrol.notices.outbox import WEBHOOK, Errand
from patrol.notices.preferences import PUSH
from patrol.notices.vapid import VapidKey

AGAIN = frozenset({408, 425, 429})
"""Refusals that pass, beside all of 5xx."""
GONE = frozenset({404, 410})
LONGEST_PAUSE_S = 3600.0


class Fault(NamedTuple):
    """Why a message did not go out; what it was about stands nowhere in it."""

    text: str
    is_final: bool = False
    is_gone: bool = False
    pause_s: float = 0.0


class Sender:
    """Sends by the channels of one installation.

    Parameters
    ----------
    client : httpx.Client
        With a time limit; follows no redirects.
    """

    def __init__(self, channels: Channels, key: VapidKey, client: httpx.Client, *, timeout_s: float) -> None:
        self._channels, self._key, self._client, self._timeout_s = channels, key, client, timeout_s
        self._tokens: dict[str, tuple[str, datetime]] = {}

    def send(self, errand: Errand, *, now: datetime) -> Fault | None:
        """Send; None where the other side has it."""
        try:
            if errand.channel == WEBHOOK:
                return self._tell_hook(errand, now)
            if errand.channel == PUSH:
                return self._push(errand, now)
            channel = self._channels.channels[errand.channel]
            if isinstance(channel, Mail):
                self._mail(channel, errand, now)
                return None
            return self._call(channel, errand, now)
        except httpx.HTTPError as error:
            return Fault(type(error).__name__)
        except smtplib.SMTPResponseException as error:
            return Fault(f"SMTP {error.smtp_code}", is_final=500 <= error.smtp_code < 600)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            return Fault(f"SMTP {codes[0]}", is_final=min(codes) >= 500)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            return Fault(type(error).__name__)

    def _mail(self, channel: Mail, errand: Errand, now: datetime) -> None:
        message = EmailMessage()
        message["From"], message["To"] = channel.sender, errand.target
        message["Subject"] = errand.wording.title
        message["Date"] = format_datetime(now)
        # Mail systems drop a second message of the same id.
        message["Message-ID"] = f"<{errand.key}@{channel.sender.rpartition('@')[2].rstrip('>')}>"
        message["Idempotency-Key"] = str(errand.key)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(errand.wording.text)
        context = ssl.create_default_context()
        if channel.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                channel.host, channel.port, timeout=self._timeout_s, context=context
            )
        else:
            server = smtplib.SMTP(channel.host, channel.port, timeout=self._timeout_s)
        with server:
            if channel.security == "starttls":
                server.starttls(context=context)
            if channel.user:
                server.login(channel.user, _secret(channel.password_file))
            server.send_message(message)

    def _call(self, channel: Call, errand: Errand, now: datetime) -> Fault | None:
        values = _values(errand, now) | {"secret": _secret(channel.secret_file)}
        if channel.token is not None:
            token = self._token(errand.channel, channel, values, now)
            if token is None:
                return Fault("no token")
            values["token"] = token
        headers = {name: _fill(text, values) for name, text in channel.headers.items()}
        headers["Idempotency-Key"] = str(errand.key)
        body = b""
        if channel.body is not None:
            body = json.dumps(_filled(channel.body, values), ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
        elif channel.form is not None:
            pairs = {name: _fill(text, values) for name, text in channel.form.items()}
            body = str(httpx.QueryParams(pairs)).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        url = _fill(channel.url, {name: quote(text, safe="") for name, text in values.items()})
        if channel.sign == "hmac":
            headers |= _signature(values["secret"], body, now)
        elif channel.sign == "dingtalk":
            url += ("&" if "?" in url else "?") + _dingtalk(values["secret"], now)
        answer = self._client.request(channel.method, url, content=body, headers=headers)
        fault = _fault(answer)
        if fault is None and channel.success is not None:
            said = _field(answer, channel.success.field)
            if said != channel.success.equals:
                # Tokens run out early at times: the next try fetches another.
                self._tokens.pop(errand.channel, None)
                return Fault(f"{channel.success.field}={str(said)[:40]}")
        return fault

    def _token(self, name: str, channel: Call, values: Mapping[str, str], now: datetime) -> str | None:
        known = self._tokens.get(name)
        if channel.token is None or (known is not None and known[1] > now):
            return known[0] if known else None
        quoted = {key: quote(text, safe="") for key, text in values.items()}
        answer = self._client.get(_fill(channel.token.url, quoted))
        found = _field(answer, channel.token.field) if answer.is_success else None
        if not isinstance(found, str) or not found:
            return None
        until = datetime.fromtimestamp(now.timestamp() + channel.token.keep_s, now.tzinfo)
        self._tokens[name] = (found, until)
        return found

    def _tell_hook(self, errand: Errand, now: datetime) -> Fault | None:
        hook = self._channels.webhooks[errand.target]
        kind, subject, number = errand.notices[0]
        told = {
            "key": str(errand.key),
            "kind": kind,
            "subject": subject,
            "number": number,
            "at": errand.created_at.isoformat(timespec="seconds"),
        }
        body = json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": str(errand.key)}
        headers |= _signature(_secret(hook.secret_file), body, now)
        return _fault(self._client.post(hook.url, content=body, headers=headers))

    def _push(self, errand: Errand, now: datetime) -> Fault | None:
        push = self._channels.push
        if push is None:
            return Fault("push is off", is_final=True)
        parts = urlsplit(errand.target)
        headers = {
            "Authorization": self._key.authorization(f"{parts.scheme}://{parts.netloc}", push.contact, now),
            "TTL": "86400",
            "Urgency": "normal",
            # The push service keeps one message a topic: a second attempt replaces the first.
            "Topic": errand.key.hex,
            "Idempotency-Key": str(errand.key),
            "Content-Length": "0",
        }
        fault = _fault(self._client.post(errand.target, headers=headers))
        is_gone = fault is not None and fault.text in {f"HTTP {status}" for status in GONE}
        return fault._replace(is_gone=True) if fault and is_gone else fault


def _values(errand: Errand, now: datetime) -> dict[str, str]:
    wording = errand.wording
    return {
        "key": str(errand.key),
        "title": wording.title,
        "text": wording.text,
        "numbers": " ".join(dict.fromkeys(number for _, _, number in errand.notices)),
        "kinds": " ".join(dict.fromkeys(kind for kind, _, _ in errand.notices)),
        "count": str(len(errand.notices)),
        "address": errand.target,
        "time": str(int(now.timestamp())),
        "token": "",
    }


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in once: what a value holds is never read as a template."""
    return PLACE.sub(lambda match: values[match[1]], template)


def _filled(template: Any, values: Mapping[str, str]) -> Any:
    if isinstance(template, str):
        return _fill(template, values)
    if isinstance(template, dict):
        return {key: _filled(inner, values) for key, inner in template.items()}
    if isinstance(template, list):
        return [_filled(inner, values) for inner in template]
    return template


def _signature(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    """HMAC-SHA256 over time, a full stop, and the body: an old one cannot be sent under a new time."""
    stamp = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Landwarden-Time": stamp, "X-Landwarden-Signature": f"sha256={digest}"}


def _dingtalk(secret: str, now: datetime) -> str:
    """Query by which a DingTalk robot knows its master: HMAC-SHA256 over time in ms, line feed, secret."""
    stamp = str(int(now.timestamp() * 1000))
    digest = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
    return f"timestamp={stamp}&sign={quote(base64.b64encode(digest).decode(), safe='')}"


def _fault(answer: httpx.Response) -> Fault | None:
    if answer.is_success:
        return None
    status = answer.status_code
    is_passing = status in AGAIN or status >= 500
    asked = answer.headers.get("retry-after", "")
    pause_s = min(float(asked), LONGEST_PAUSE_S) if asked.isdecimal() else 0.0
    return Fault(f"HTTP {status}", is_final=not is_passing, pause_s=pause_s)


def _field(answer: httpx.Response, dotted: str) -> Any:
    found: Any = answer.json()
    for name in dotted.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _secret(path: Path | None) -> str:
    return "" if path is None else path.read_text("utf-8").strip()
