"""The part of the audit chain that speaks of one case, with the proof that it belongs to exported heads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from foundation.audit import canonical, entry_digest, entry_of
from foundation.calendar import SHANGHAI
from foundation.tables import AuditExportRow
from patrol.custody import store
from patrol.custody.archive import Content


@dataclass(frozen=True, slots=True)
class Slice:
    """Entries of one case, the links from each to the first exported head behind it, and those heads.

    Attributes
    ----------
    entries : tuple of (seq, canonical JSON)
    links : tuple of (seq, entry's digest, hash before, hash)
        Of other entries only the digests: they tell nothing of what they hold.
    heads : tuple of (seq, hash, when it was taken elsewhere)
    """

    entries: tuple[tuple[int, str], ...]
    links: tuple[tuple[int, str, str, str], ...]
    heads: tuple[tuple[int, str, str], ...]

    def files(self) -> dict[str, Content]:
        """As the bundle holds it: lines that a shell reads."""
        return {
            "audit/entries.txt": _lines(self.entries),
            "audit/links.txt": _lines(self.links),
            "audit/heads.txt": _lines(self.heads),
        }


def slice_of(session: Session, subjects: Sequence[str]) -> Slice:
    """Entries about some subjects, with their proof.

    Entries behind the newest exported head are left out: what is not anchored elsewhere proves nothing.

    Parameters
    ----------
    session : Session
        Of the platform itself: nobody else reads the chain.
    subjects : sequence of str
        Ids of the patch, its visits, evidence, assignments, judgements.
    """
    heads = store.exported_heads(session)
    last = heads[-1].seq if heads else 0
    rows = [row for row in store.entries_about(session, subjects) if row["seq"] <= last]
    used: list[AuditExportRow] = []
    spans: list[tuple[int, int]] = []
    waiting = iter(heads)
    head = next(waiting, None)
    for row in rows:
        while head is not None and head.seq < row["seq"]:
            head = next(waiting, None)
        if head is None:
            break
        if not used or used[-1] is not head:
            used.append(head)
            spans.append((row["seq"], head.seq))
    links = [
        (row["seq"], entry_digest(entry_of(row)), row["prev_hash"], row["hash"])
        for first, end in spans
        for row in store.entries_between(session, first, end)
    ]
    return Slice(
        tuple((row["seq"], canonical(entry_of(row))) for row in rows),
        tuple(links),
        tuple((each.seq, each.hash, each.at.astimezone(SHANGHAI).isoformat()) for each in used),
    )


def _lines(rows: Iterable[tuple[object, ...]]) -> bytes:
    return "".join("\t".join(str(cell) for cell in row) + "\n" for row in rows).encode()
