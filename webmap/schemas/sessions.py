"""Signing in, and who is signed in."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Body, Moment


class SignInBody(Body):
    """A login and its password."""

    login: str = Field(min_length=1, max_length=64, examples=["officer"])
    password: str = Field(min_length=1, max_length=256, examples=["……"])


class Me(Answer):
    """Who is signed in, for which area, with which rights."""

    account_id: UUID
    login: str = Field(examples=["officer"])
    name: str = Field(examples=["周某演"])
    role: str = Field(examples=["county_officer"])
    role_name: str = Field(examples=["县级执法员"])
    area_code: str = Field(examples=["410883000000"])
    area_name: str = Field(examples=["孟州市"])
    rights: list[str] = Field(examples=[["patch.view", "patch.judge"]])
    post_ids: list[UUID]
    is_demo: bool
    server_time: Moment
