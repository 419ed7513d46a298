"""Who may do what, where: one policy function over a reviewed table; row-level security stands behind it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from foundation.divisions import divisions
from foundation.errors import InvalidInput, NotAllowed, NotFound

POLICY_FILE = Path(__file__).resolve().parents[1] / "data" / "policies" / "access.toml"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody (or the system) on whose behalf a transaction runs.

    Attributes
    ----------
    role : str
        Key of ``data/policies/access.toml``.
    area_code : str
        Division code; the actor sees this division and all below it.
    """

    account_id: UUID
    login: str
    name: str
    role: str
    area_code: str
    post_ids: tuple[UUID, ...] = ()
    is_demo: bool = False

    @property
    def area_prefix(self) -> str:
        """Leading digits of every division code that the actor may see."""
        return divisions().get(self.area_code).prefix

    @property
    def rights(self) -> frozenset[str]:
        """Actions that the role may take inside its area."""
        return rights_of(self.role)


@dataclass(frozen=True, slots=True)
class Role:
    """A row of the policy table."""

    key: str
    name_zh: str
    name_en: str
    rights: frozenset[str]


@lru_cache(maxsize=1)
def roles() -> Mapping[str, Role]:
    """All roles of the policy table."""
    table = tomllib.loads(POLICY_FILE.read_text("utf-8"))
    return {
        key: Role(key, row["zh"], row["en"], frozenset(row["rights"])) for key, row in table["roles"].items()
    }


def rights_of(role: str) -> frozenset[str]:
    """Actions of a role.

    Raises
    ------
    InvalidInput
        ``foundation.access.unknown_role``.
    """
    if role not in roles():
        raise InvalidInput("foundation.access.unknown_role", role=role)
    return roles()[role].rights


def allows(actor: Actor, action: str, division_code: str | None = None) -> bool:
    """The one policy function: may this actor do this there?

    Parameters
    ----------
    action : str
        Like ``patch.judge``.
    division_code : str, optional
        12-digit code of the division that the thing lies in; None for things without a place.
    """
    if action not in actor.rights:
        return False
    return division_code is None or division_code.startswith(actor.area_prefix)


def require(actor: Actor, action: str, division_code: str | None = None) -> None:
    """Pass, or raise.

    Raises
    ------
    NotFound
        ``foundation.access.not_found`` when the place lies outside the actor's area.
    NotAllowed
        ``foundation.access.not_allowed`` when the role lacks the right.
    """
    if division_code is not None and not division_code.startswith(actor.area_prefix):
        raise NotFound("foundation.access.not_found")
    if not allows(actor, action, division_code):
        raise NotAllowed("foundation.access.not_allowed", action=action, role=roles()[actor.role].name_zh)


SYSTEM_ACCOUNT_ID = UUID(int=0)


def system_actor(city_code: str) -> Actor:
    """The platform itself: imports, detection runs, clocks. Its area is the whole city."""
    return Actor(SYSTEM_ACCOUNT_ID, "system", "系统", "system", city_code)
