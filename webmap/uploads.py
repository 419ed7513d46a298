"""Receiving a file as it streams in: capped, hashed, spooled, refused before the disk is full."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO, Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from foundation.blobs import storage_error
from foundation.errors import InvalidInput
from webmap.deps import SignedIn

IN_MEMORY = 1 << 20


@dataclass(frozen=True)
class Received:
    """A whole file, at its beginning."""

    file: IO[bytes]
    size: int
    sha256: str


async def received_file(request: Request, caller: SignedIn) -> AsyncIterator[Received]:
    """The request's body as a file; gone when the request ends.

    Raises
    ------
    InvalidInput
        ``webmap.request.too_large``, ``webmap.upload.cut_off`` or ``webmap.upload.empty``.
    Unavailable
        ``foundation.blobs.disk_full``: before anything is read, and whenever the disk fills up meanwhile.
    """
    runtime = caller.runtime
    runtime.blobs.require_room()
    limit = runtime.settings.upload_max_mb << 20
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    folder = runtime.settings.data_dir
    with tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(folder), prefix="upload-") as file:
        digest, size = hashlib.sha256(), 0
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                digest.update(chunk)
                await run_in_threadpool(file.write, chunk)
        except ClientDisconnect as error:
            raise InvalidInput("webmap.upload.cut_off", received=size) from error
        except OSError as error:
            raise storage_error(error, folder) from error
        if size == 0:
            raise InvalidInput("webmap.upload.empty")
        file.seek(0)
        yield Received(file, size, digest.hexdigest())


async def body_within(request: Request, limit: int) -> bytes:
    """A whole body of at most so many bytes, of somebody who is not signed in as a person.

    Raises
    ------
    InvalidInput
        ``webmap.request.too_large``, ``webmap.upload.cut_off`` or ``webmap.upload.empty``.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    parts, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            parts.append(chunk)
    except ClientDisconnect as error:
        raise InvalidInput("webmap.upload.cut_off", received=size) from error
    if size == 0:
        raise InvalidInput("webmap.upload.empty")
    return b"".join(parts)


ReceivedFile = Annotated[Received, Depends(received_file)]


def _too_large(limit: int) -> InvalidInput:
    limit_mb = limit >> 20 if limit >= 1 << 20 else round(limit / (1 << 20), 3)
    return InvalidInput("webmap.request.too_large", limit_mb=limit_mb)
