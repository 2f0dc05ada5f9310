"""Where a passport service keeps its store: a file of its own, or a database of a PostgreSQL server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import parse_qs, urlsplit

from pydantic import PlainValidator

SCHEME = "postgresql://"
SECRETS = ("password", "passfile", "sslpassword")
_CURE = "put it into ~/.pgpass or the file that PGPASSFILE names, or let the server take peer authentication"


@dataclass(frozen=True, slots=True)
class PostgresURL:
    """postgresql://[user@][host][:port]/database, as libpq has it, without a password. ValueError for any other."""

    text: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.text)
        if parts.password is not None or any(name in parse_qs(parts.query) for name in SECRETS):
            raise ValueError(f"a password does not belong into a settings file; {_CURE}")
        if not self.text.startswith(SCHEME) or len(parts.path) < 2:
            raise ValueError(f"expected {SCHEME}host/database")

    def __str__(self) -> str:
        return self.text


StorePlace: TypeAlias = Path | PostgresURL


def home_path(path: Path) -> Path:
    """With a leading ~ or ~name as that user's folder. Raises ValueError where there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"{path}: there is no such user; write the whole path") from None


def store_place(value: object) -> StorePlace:
    """Raises ValueError."""
    if isinstance(value, Path | PostgresURL):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected a path or {SCHEME}host/database")
    if "://" in value:
        return PostgresURL(value)
    return home_path(Path(value))


Store = Annotated[StorePlace, PlainValidator(store_place)]
