"""What /api/v1 answers with, as its OpenAPI document describes it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Listed(BaseModel):
    passport: str = Field(description="Public name: the passport's id, else the battery's.")
    battery: str
    name: str
    category: str
    stage: str | None
    state_of_health_percent: float | None
    standard_uncertainty_percent: float | None
    spread_percent: float | None = Field(description="Strongest minus weakest cell block.")
    evidence_class: str | None
    records: int
    records_lost: int = Field(description="That were counted and are not here.")
    received_unix_ms: int | None
    simulated: bool
    replay: bool


class Page(BaseModel):
    items: list[Listed]
    next: int | None = Field(None, description="`offset` of the next page; null on the last.")


class Document(BaseModel):
    """The parts of a passport that the reader may see; each value with its record or statement."""

    model_config = ConfigDict(extra="allow")

    battery: dict[str, Any]
    as_of_unix_ms: int
    values: dict[str, dict[str, Any]]
    completeness: dict[str, Any]
    logs: list[dict[str, Any]]
    verification: dict[str, Any]


class Finding(BaseModel):
    state: str = Field(description="present, missing, not yet due, or not applicable")
    duty: str
    is_stated: bool
    words: str


class ValidityAnswer(BaseModel):
    guidance: str
    category: str
    as_of_unix_ms: int
    words: str
    points: dict[str, Finding] = Field(description="By number of the Commission's data point.")
    attributes: dict[str, Finding] = Field(description="By key.")


class StatementItem(BaseModel):
    index: int = Field(description="Of its leaf in the service's log.")
    content: str = Field(description="The signed statement, base64.")


class StatementList(BaseModel):
    items: list[StatementItem]
    next: int | None = Field(None, description="`after` of the next page; null on the last.")


class LogItem(BaseModel):
    """How far a log of the battery is stored: what a CREATE that comes from it has to name."""

    log_id: str
    size: int
    root: str
    is_sealed: bool


class LogList(BaseModel):
    items: list[LogItem]


class Taken(BaseModel):
    index: int = Field(description="Of its leaf in the service's log.")


class ReadItem(BaseModel):
    unix_ms: int
    role: str
    name: str
    groups: list[int]
    kind: str


class ReadLogAnswer(BaseModel):
    restricted: list[ReadItem]
    public: list[dict[str, Any]] = Field(description="By day and kind.")
    dropped: dict[str, int] = Field(description="How many were too old to be kept.")


class OutgoingItem(BaseModel):
    unix_ms: int
    passport: str
    partner: str
    audience: str
    contract: str
    target: str = Field(description="Format, as `packseal exchange targets` names it.")
    rules: list[str] = Field(description="Ids of the partner's rules; `format:…` is what the format itself asks for.")
    keys: list[str] = Field(description="Of the values in it.")
    sha256: str = Field(description="Of the bytes that left.")
    size: int = Field(description="In bytes.")


class OutgoingList(BaseModel):
    items: list[OutgoingItem] = Field(description="The newest first.")


class ChangeItem(BaseModel):
    index: int = Field(description="Of its leaf in the service's log; goes up, never down.")
    passport: str
    kind: str = Field(description="records or statement")


class ChangeList(BaseModel):
    items: list[ChangeItem]
    next: int = Field(description="`after` for whoever asks again.")
