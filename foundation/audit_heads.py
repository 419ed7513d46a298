"""Heads of the audit chain taken to another place: what shows a cut-off tail or a chain computed anew.

Every few minutes the newest head is written, signed, into a folder or store that whoever could change the
database cannot change. A head file also marks every entry since the head before it, so that a later check
names the very entry that changed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from foundation.access import Actor, require
from foundation.audit import MARK, KnownHead, canonical
from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, InvalidInput, Unavailable
from foundation.jobs import JobQueue
from foundation.signing import InstallationKey, is_signed_by
from foundation.tables import AuditExportRow

if TYPE_CHECKING:
    from foundation.runtime import Runtime

FORMAT = "landwarden.audit.head/1"
EVERY = "*/5 * * * *"
LOCK = 4108_0002
PRINTED = 16


@dataclass(frozen=True, slots=True)
class ExportedHead:
    """A head as its file holds it.

    Attributes
    ----------
    since : int
        Number of the head exported before; 0 for the first.
    marks : tuple of str
        First digits of the hashes of the entries since then.
    key : str
        Public key, PEM.
    signature : str
        Base64, over the canonical JSON of all other fields.
    """

    format: str
    seq: int
    hash: str
    at: str
    since: int
    marks: tuple[str, ...]
    key: str
    signature: str = ""

    @property
    def known(self) -> KnownHead:
        """What the chain is compared with."""
        return KnownHead(self.seq, self.hash, self.since, self.marks)

    def signed_bytes(self) -> bytes:
        """What the signature speaks of."""
        fields = asdict(self) | {"marks": list(self.marks)}
        del fields["signature"]
        return canonical(fields).encode()


def export_head(
    session: Session, actor: Actor, *, place: str, key: InstallationKey, now: datetime
) -> ExportedHead | None:
    """Take the newest head to another place; None where it is there already.

    The file is written before its row commits: after a crash between the two the file stands, and the next
    export marks the same entries once more.

    Parameters
    ----------
    place : str
        Folder, or any address that fsspec knows.

    Raises
    ------
    Unavailable
        ``foundation.audit.place_unreachable``.
    NotAllowed
        Only the platform and the audit administrator take heads.
    """
    require(actor, "audit.view")
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    head = session.execute(text("SELECT seq, hash FROM audit_head")).one()
    last = last_export(session)
    since = last.seq if last else 0
    if head.seq == since:
        return None
    rows = session.execute(
        text("SELECT left(hash, :mark) FROM audit_entry WHERE seq > :since AND seq <= :seq ORDER BY seq"),
        {"mark": MARK, "since": since, "seq": head.seq},
    )
    bare = ExportedHead(
        FORMAT,
        head.seq,
        head.hash,
        now.astimezone(SHANGHAI).isoformat(),
        since,
        tuple(rows.scalars()),
        key.public_pem.decode(),
    )
    signature = base64.b64encode(key.sign(bare.signed_bytes())).decode()
    exported = ExportedHead(**{**_fields(bare), "signature": signature})
    name = f"head-{exported.seq:012d}-{exported.hash[:12]}.json"
    _write(place, name, to_bytes(exported))
    session.add(
        AuditExportRow(
            seq=exported.seq, since=since, hash=exported.hash, at=now, name=name, signature=signature
        )
    )
    session.flush()
    return exported


def chain_head(session: Session) -> KnownHead:
    """The newest head as the database has it."""
    row = session.execute(text("SELECT seq, hash FROM audit_head")).one()
    return KnownHead(row.seq, row.hash)


def last_export(session: Session) -> AuditExportRow | None:
    """The newest head that was taken elsewhere."""
    return session.scalar(select(AuditExportRow).order_by(AuditExportRow.seq.desc()).limit(1))


def export_after(session: Session, seq: int) -> AuditExportRow | None:
    """The first exported head that covers an entry."""
    statement = select(AuditExportRow).where(AuditExportRow.seq >= seq)
    return session.scalar(statement.order_by(AuditExportRow.seq).limit(1))


def head_line(session: Session) -> str:
    """The newest exported head in one line, to be printed in bulletins: paper is a place elsewhere, too."""
    last = last_export(session)
    if last is None:
        return "审计链链头：尚未外送。"
    at = last.at.astimezone(SHANGHAI)
    return f"审计链链头：第 {last.seq} 条，{last.hash[:PRINTED]}（{at:%Y-%m-%d %H:%M} 外送）"


def read_heads(place: str) -> list[ExportedHead]:
    """Heads of one file, or of all files of a folder or store, oldest first.

    Raises
    ------
    InvalidInput
        ``foundation.audit.bad_head``: no such file, no head in it, or its signature does not fit.
    Unavailable
        ``foundation.audit.place_unreachable``.
    """
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(place)
        names = [root] if files.isfile(root) else sorted(files.glob(f"{root.rstrip('/')}/head-*.json"))
        heads = [_parsed(name, files.cat_file(name)) for name in names]
    except (OSError, ValueError, ImportError) as error:
        raise Unavailable("foundation.audit.place_unreachable", place=place, reason=str(error)) from error
    if not heads:
        raise InvalidInput("foundation.audit.bad_head", file=place, reason="没有链头文件 no head file there")
    return sorted(heads, key=lambda head: head.seq)


def printed_head(said: str) -> KnownHead:
    """A head read off a printed bulletin: ``1234:ab12cd34…``.

    Raises
    ------
    InvalidInput
        ``foundation.audit.bad_head``.
    """
    number, _, digits = said.partition(":")
    if not number.isdecimal() or len(digits) < 8 or not set(digits) <= set("0123456789abcdef"):
        raise InvalidInput("foundation.audit.bad_head", file=said[:80], reason="应写作 1234:ab12cd34…")
    return KnownHead(int(number), digits)


def to_bytes(head: ExportedHead) -> bytes:
    """The head's file."""
    return (canonical(_fields(head) | {"marks": list(head.marks)}) + "\n").encode()


def place_of(runtime: Runtime) -> str:
    """Where this installation takes its heads."""
    return runtime.settings.audit_head_url or str(runtime.settings.data_dir / "audit-heads")


def key_of(runtime: Runtime) -> InstallationKey:
    """The key of this installation."""
    return InstallationKey(runtime.settings.data_dir / "keys")


def export_now(runtime: Runtime) -> ExportedHead | None:
    """Take the newest head elsewhere: the job that runs every few minutes."""
    with runtime.database.transaction(runtime.system) as session:
        return export_head(
            session, runtime.system, place=place_of(runtime), key=key_of(runtime), now=runtime.clock()
        )


def register(queue: JobQueue) -> None:
    """Add the kernel's own jobs to the queue."""

    def export(runtime: Runtime) -> None:
        export_now(runtime)

    queue.add("foundation.export_audit_head", export, cron=EVERY)


def _fields(head: ExportedHead) -> dict[str, Any]:
    return {name: getattr(head, name) for name in ExportedHead.__slots__}


def _parsed(name: str, data: bytes) -> ExportedHead:
    try:
        raw = json.loads(data)
        head = ExportedHead(**raw | {"marks": tuple(raw["marks"])})
        signature = base64.b64decode(head.signature, validate=True)
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInput("foundation.audit.bad_head", file=name, reason=str(error)[:200]) from error
    is_whole = head.format == FORMAT and len(head.marks) == head.seq - head.since
    if not is_whole or not is_signed_by(head.key.encode(), head.signed_bytes(), signature):
        raise InvalidInput("foundation.audit.bad_head", file=name, reason="签名不符 signature does not fit")
    return head


def check_keys(heads: Sequence[ExportedHead], key: InstallationKey) -> None:
    """All heads were signed by this installation.

    Raises
    ------
    Conflict
        ``foundation.audit.other_key``.
    """
    for head in heads:
        if head.key.encode() != key.public_pem:
            raise Conflict("foundation.audit.other_key", seq=head.seq, fingerprint=key.fingerprint)


def _write(place: str, name: str, data: bytes) -> None:
    """Wholly there or wholly absent; a file that stands is left as it is."""
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(place)
        path = f"{root.rstrip('/')}/{name}"
        files.makedirs(root, exist_ok=True)
        if files.exists(path):
            return
        part = f"{root.rstrip('/')}/part-{name}"
        files.pipe_file(part, data)
        files.mv(part, path)
    except (OSError, ValueError, ImportError) as error:
        raise Unavailable("foundation.audit.place_unreachable", place=place, reason=str(error)) from error
