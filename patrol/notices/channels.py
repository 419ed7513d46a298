"""Ways out of the platform: configuration of the installation, never of the product.

A file of TOML names them; its form stands in ``docs/notices.md``. Secrets lie in files of their own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from foundation.errors import InvalidInput
from patrol.notices.notices import kinds

PLACES = frozenset(
    {"key", "title", "text", "numbers", "kinds", "count", "address", "time", "token", "secret"}
)
"""What a template may name."""
PLACE = re.compile(r"\{([a-z_]+)\}")
FORBIDDEN_NAMES = ("push", "in_app")


class Part(BaseModel):
    """Base of everything in the file: what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(Part):
    """What all channels have."""

    zh: str
    en: str
    address: Literal["email", "phone", "account", ""] = ""
    """Form of the address that a person gives; empty where none is needed."""


class Mail(Named):
    """E-mail by SMTP."""

    transport: Literal["smtp"]
    address: Literal["email"] = "email"
    host: str
    port: int = Field(ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = "tls"
    sender: str
    user: str = ""
    password_file: Path | None = None


class Token(Part):
    """A token that must be fetched before (WeCom, DingTalk work notices)."""

    url: str
    field: str
    keep_s: int = Field(default=3600, ge=0)


class Success(Part):
    """What an answer must hold beside a status of 2xx: gateways say errors with 200."""

    field: str
    equals: str | int | bool


class Call(Named):
    """A text message, WeCom, DingTalk: one HTTP call made of a template."""

    transport: Literal["http"]
    url: str
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: dict[str, str] = {}
    body: dict[str, Any] | None = None
    form: dict[str, str] | None = None
    secret_file: Path | None = None
    sign: Literal["", "hmac", "dingtalk"] = ""
    token: Token | None = None
    success: Success | None = None

    @model_validator(mode="after")
    def _names_known_places(self) -> Self:
        templates = [self.url, self.headers, self.body, self.form, self.token and self.token.url]
        unknown = {place for text in texts_in(templates) for place in PLACE.findall(text)} - PLACES
        if unknown:
            raise ValueError(f"unknown placeholder {sorted(unknown)[0]}")
        if self.sign and self.secret_file is None:
            raise ValueError("sign needs secret_file")
        return self


class Webhook(Part):
    """Another system that is told, signed with a shared secret."""

    url: str
    secret_file: Path
    kinds: tuple[str, ...] = ()
    """Empty: all."""
    area: str = ""
    """Leading digits of the division of the person who is told; empty: all."""

    @model_validator(mode="after")
    def _names_known_kinds(self) -> Self:
        unknown = set(self.kinds) - set(kinds())
        if unknown:
            raise ValueError(f"unknown kind {sorted(unknown)[0]}")
        return self


class Push(Part):
    """Web push; off without it."""

    contact: str = Field(pattern=r"^(mailto:|https://)")
    """Where operators of push services reach the installation."""
    hosts: tuple[str, ...] = ()
    """Push services beside those of the policy."""


class Channels(Part):
    """The whole file."""

    channels: dict[str, Annotated[Mail | Call, Field(discriminator="transport")]] = {}
    webhooks: dict[str, Webhook] = {}
    push: Push | None = None
    proxy: str | None = None

    @model_validator(mode="after")
    def _has_plain_names(self) -> Self:
        for name in (*self.channels, *self.webhooks):
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name) or name in FORBIDDEN_NAMES:
                raise ValueError(f"no such name: {name}")
        return self


def read_channels(path: Path) -> Channels:
    """Ways out of a file; without the file there is none.

    Raises
    ------
    InvalidInput
        ``patrol.notice.bad_channels`` naming the field.
    """
    if not path.is_file():
        return Channels()
    try:
        return Channels.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            "patrol.notice.bad_channels", file=path.name, place=place, reason=first["msg"]
        ) from error
    except (OSError, ValueError) as error:
        reason = str(error)[:200]
        raise InvalidInput("patrol.notice.bad_channels", file=path.name, place="", reason=reason) from error


def texts_in(value: Any) -> Iterator[str]:
    """Every text inside nested values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)
