"""Sign in, who am I, sign out."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from foundation import accounts
from foundation.access import Actor, roles
from foundation.clock import Clock
from foundation.divisions import divisions
from foundation.errors import NotAuthenticated
from webmap.deps import COOKIE, SignedIn, WebOfProcess, noun_router
from webmap.schemas.sessions import Me, SignInBody

router = noun_router("session")


@router.post("/session", response_model=Me, summary="Sign in; sets the session cookie")
def sign_in(body: SignInBody, request: Request, web: WebOfProcess) -> Response:
    """The same answer for an unknown login and a wrong password; repeated failures lock the account."""
    runtime = web.runtime
    hours = runtime.settings.session_hours
    with runtime.database.transaction(runtime.system) as session:
        opened = accounts.sign_in(session, body.login, body.password, now=runtime.clock(), hours=hours)
    if opened is None:
        raise NotAuthenticated("foundation.access.bad_credentials")
    response = JSONResponse(_me(opened.actor, runtime.clock).model_dump(mode="json"))
    response.set_cookie(
        COOKIE,
        opened.token,
        max_age=hours * 3600,
        httponly=True,
        samesite="strict",
        secure=is_secure(request, runtime.settings.public_origin),
    )
    return response


@router.get("/session", summary="Who is signed in")
def read_session(caller: SignedIn) -> Me:
    """401 when nobody is."""
    return _me(caller.actor, caller.now)


@router.delete("/session", status_code=204, summary="Sign out")
def sign_out(caller: SignedIn) -> Response:
    """The token is worth nothing afterwards."""
    runtime = caller.runtime
    with runtime.database.transaction(runtime.system) as session:
        accounts.sign_out(session, caller.token, now=caller.now())
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def is_secure(request: Request, public_origin: str) -> bool:
    """Whether browsers reach this server by https."""
    return (public_origin or str(request.url)).startswith("https:")


def _me(actor: Actor, clock: Clock) -> Me:
    return Me(
        account_id=actor.account_id,
        login=actor.login,
        name=actor.name,
        role=actor.role,
        role_name=roles()[actor.role].name_zh,
        area_code=actor.area_code,
        area_name=divisions().get(actor.area_code).name,
        rights=sorted(actor.rights),
        post_ids=list(actor.post_ids),
        is_demo=actor.is_demo,
        server_time=clock(),
    )
