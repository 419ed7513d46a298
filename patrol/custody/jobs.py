"""Making a case's bundle, and recording what had waited for its visit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from foundation import accounts, audit_heads
from foundation.access import Actor
from foundation.blobs import storage_error
from foundation.jobs import JobQueue
from patrol.custody.archive import Content, seal, sha256_of, write_zip
from patrol.custody.bundle import CaseFile, collect, data_files, geojson
from patrol.custody.chain import Slice, slice_of
from patrol.visits.custody import add_file_step, add_step

if TYPE_CHECKING:
    from foundation.runtime import Runtime

SWEEP = "*/2 * * * *"
SWEPT_AT_ONCE = 200
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BundleMade:
    """A bundle that was handed out.

    Attributes
    ----------
    fingerprint : str
        SHA-256 of the public key file.
    has_map : bool
        False where the web client was never built here.
    """

    name: str
    sha256: str
    size: int
    file_count: int
    fingerprint: str
    has_map: bool


def make_bundle(runtime: Runtime, actor: Actor, patch_id: UUID, path: Path) -> BundleMade:
    """Write a case's evidence bundle to a file, and enter in custody that it was handed out.

    The newest head of the audit chain is taken elsewhere first: all that the bundle tells is anchored.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``, also outside the actor's area.
    NotAllowed
        Without ``evidence.export``.
    Unavailable
        The file cannot be written, or the place for heads cannot be reached.
    """
    with runtime.database.transaction(actor) as session:
        # The right is asked for before anything is done.
        collect(session, actor, patch_id, blobs=runtime.blobs, now=runtime.clock())
    audit_heads.export_now(runtime)
    key = audit_heads.key_of(runtime)
    with runtime.database.transaction(actor) as session:
        file = collect(session, actor, patch_id, blobs=runtime.blobs, now=runtime.clock())
        files = bundle_files(runtime, file)
        try:
            with path.open("wb") as out:
                write_zip(files, out)
        except OSError as error:
            raise storage_error(error, path.parent) from error
        made = BundleMade(
            f"evidence-{file.number}.zip",
            sha256_of(path),
            path.stat().st_size,
            len(files),
            key.fingerprint,
            "map.html" in files,
        )
        now = runtime.clock()
        facts = {"name": made.name, "fingerprint": made.fingerprint, "evidence": len(file.evidence)}
        add_file_step(
            session,
            actor,
            "exported",
            patch_id=patch_id,
            division_code=file.division_code,
            at=now,
            sha256=made.sha256,
            facts=facts,
        )
        for row in file.evidence:
            told = {"bundle_sha256": made.sha256}
            add_step(session, actor, row, "exported", at=now, facts=told, is_audited=False)
    return made


def bundle_files(runtime: Runtime, file: CaseFile) -> dict[str, Content]:
    """All files of a bundle, sealed; the same state of the case gives the same files."""
    # Typesetting and map drawing are loaded only where a bundle is made.
    from patrol.custody.folium_map import map_page
    from patrol.custody.summary import summary_pdf

    key = audit_heads.key_of(runtime)
    files = data_files(file, runtime.blobs)
    files |= _chain(runtime, file).files()
    page = map_page(geojson(file), title=f"图斑 {file.number}")
    if page is not None:
        files["map.html"] = page
    files["summary.pdf"] = summary_pdf(file, files, fingerprint=key.fingerprint)
    return seal(files, key)


def apply_arrived(runtime: Runtime) -> int:
    """Record evidence that still waits although its visit or finding has come, each as its sender; how many.

    A finding may lie just beyond its finder's ground: there the platform writes what the sender does.
    """
    from patrol.visits import store
    from patrol.visits.receiving import apply_held

    with runtime.database.transaction(runtime.system) as session:
        waiting = [
            (parent_id, accounts.actor_of_account(session, sender), is_finding)
            for parent_id, sender, is_finding in store.parents_arrived(session, SWEPT_AT_ONCE)
        ]
    done = 0
    for parent_id, sender, is_finding in waiting:
        with runtime.database.transaction(runtime.system if is_finding else sender) as session:
            done += apply_held(session, sender, parent_id, blobs=runtime.blobs, now=runtime.clock())
    return done


def register(queue: JobQueue) -> None:
    """Add this package's jobs to the queue."""

    def sweep(runtime: Runtime) -> None:
        apply_arrived(runtime)

    queue.add("patrol.apply_arrived_evidence", sweep, cron=SWEEP)


def _chain(runtime: Runtime, file: CaseFile) -> Slice:
    # The chain is read by the platform itself; what it tells is of this case alone.
    with runtime.database.transaction(runtime.system) as session:
        return slice_of(session, file.subjects)
