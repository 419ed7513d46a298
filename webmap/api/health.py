"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from fastapi import Response

from foundation.errors import LandwardenError
from foundation.runtime import Runtime
from foundation.schema import newest_version
from webmap import store
from webmap.deps import WebOfProcess, noun_router
from webmap.schemas.platform import Check, Health, Ready

router = noun_router("health")


@router.get("/health", summary="The process answers")
def read_health() -> Health:
    """Asks nothing of anybody."""
    return Health()


@router.get("/ready", summary="Database, schema, blobs and jobs answer", responses={503: {"model": Ready}})
def read_ready(web: WebOfProcess, response: Response) -> Ready:
    """503 while any part that requests need is missing; failed jobs alone do not take the server away."""
    database, schema, jobs = _database(web.runtime)
    blobs = _blobs(web.runtime)
    is_ready = "failed" not in (database, schema, blobs)
    response.status_code = 200 if is_ready else 503
    status: Check = "ok" if is_ready else "failed"
    return Ready(status=status, database=database, schema_version=schema, blobs=blobs, jobs=jobs)


def _database(runtime: Runtime) -> tuple[Check, Check, Check]:
    try:
        with runtime.database.transaction(runtime.system) as session:
            found = store.platform_state(session)
    except LandwardenError:
        return "failed", "failed", "failed"
    schema: Check = "ok" if found.schema_version == newest_version() else "failed"
    return "ok", schema, "failed" if found.failed_jobs else "ok"


def _blobs(runtime: Runtime) -> Check:
    try:
        runtime.blobs.require_room()
    except LandwardenError:
        return "failed"
    return "ok"
