"""`packseal exchange export`: one passport in one form for one partner, from the store of a service, running or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from packseal.apps.exchange.leaving import Leaving
from packseal.apps.exchange.packing import Issuer, holder_key, packed, packing_losses
from packseal.apps.exchange.sources import Sources
from packseal.apps.passport_service import PassportService
from packseal.apps.passport_terms import passport_settings
from packseal.apps.wall_clock import now_unix_ms
from packseal.errors import ConfigError
from packseal.exchange.export import Export, UnfitError
from packseal.exchange.loss import Loss
from packseal.exchange.named import Named
from packseal.exchange.rules import Partner
from packseal.exchange.source import Source
from packseal.exchange.targets import TARGETS
from packseal.io.keys import Signer, load_key
from packseal.io.names_settings import NamesFile
from packseal.io.partner_settings import PartnerFile
from packseal.io.settings import PassportFileSettings
from packseal.io.settings_file import load_settings
from packseal.io.stores import has_records, open_store

NOBODY = Named()


@dataclass(frozen=True, slots=True)
class Wanted:
    """passports: public names. target: as TARGETS has it. days: how long a signed one holds. holder: JWK file of who
    may present it."""

    passports: tuple[str, ...]
    target: str
    partner: Partner
    named: Named = NOBODY
    days: int = 30
    holder: Path | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Of one command. Nothing has left before `sent`."""

    service: PassportService
    wanted: Wanted
    made: tuple[tuple[Source, Export], ...]
    issuer: Issuer

    def losses(self, ending: str) -> tuple[Loss, ...]:
        """ending: of the file, such as ".csv": how a form is written down may lose as well."""
        exports = [export for _, export in self.made]
        of_forms = tuple(loss for export in exports for loss in export.losses)
        return (*of_forms, *packing_losses(exports, ending))

    def sent(self, ending: str) -> bytes:
        """What may be written now, its lines in the log on the disk. ending: of the file, such as ".aasx".

        Raises ConfigError, TableError, UnavailableError, EgressError.
        """
        content = packed([export for _, export in self.made], ending, self.issuer, now_unix_ms())
        leaving = Leaving(self.service.store.outgoing, now_unix_ms)
        for source, export in self.made:
            leaving.bytes_of(export, self.wanted.partner, source.battery, content)
        return content


def read_partner(path: Path) -> Partner:
    """Raises ConfigError."""
    return load_settings(path, PartnerFile).partner


def read_names(path: Path | None) -> Named:
    """Raises ConfigError."""
    return load_settings(path, NamesFile).named if path else NOBODY


@contextmanager
def run(settings: PassportFileSettings, wanted: Wanted) -> Iterator[Run]:
    """Raises ConfigError, UnavailableError."""
    holder = holder_key(wanted.holder) if wanted.holder else None
    with opened(settings) as (service, signer):
        made = tuple(_made(service, wanted, name) for name in wanted.passports)
        yield Run(service, wanted, made, Issuer(settings.link_base, signer, wanted.days, holder))


@contextmanager
def opened(settings: PassportFileSettings) -> Iterator[tuple[PassportService, Signer]]:
    """Reads, and states nothing. Raises ConfigError, UnavailableError."""
    if not has_records(settings.store):
        raise ConfigError(f"{settings.store} does not exist; has this service received anything yet?")
    signer = load_key(settings.key)
    with closing(open_store(settings.store)) as store:
        of_settings = passport_settings(settings, signer.public_key)
        yield (
            PassportService(of_settings, store, signer, signer.public_key, now_unix_ms, is_reader=True),
            signer,
        )


def _made(service: PassportService, wanted: Wanted, passport: str) -> tuple[Source, Export]:
    if wanted.target not in TARGETS:
        raise ConfigError(f"--to {wanted.target}: expected one of {', '.join(TARGETS)}")
    source = Sources(service).for_partner(passport, wanted.partner)
    if source is None:
        raise ConfigError(f"there is no passport {passport!r} here; `packseal passport list` names those")
    try:
        return source, TARGETS[wanted.target].make(source, wanted.named)
    except UnfitError as error:
        raise ConfigError(f"{wanted.target}: {error}; give them with --names FILE") from None
