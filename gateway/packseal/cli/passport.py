"""Passports, by who is responsible for them: create, act, state, list, show, fresh, export."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from packseal.cli.authority import KEY_OPTION, TO_OPTION
from packseal.cli.root import FILE, hex_bytes
from packseal.cli.site import passport
from packseal.errors import ConfigError

if TYPE_CHECKING:
    from packseal.apps.life_desk import LifeDesk
    from packseal.records.statement_bodies import RecordRef

CATEGORIES = click.Choice(["EV", "LMT", "SBESS", "other_industrial"])
STAGES = click.Choice(["original", "repaired", "reused", "repurposed", "remanufactured", "waste", "recycled"])
READER_OPTION = click.option(
    "--reader-key", type=FILE, help="File with the key of a reader of the service; without, the public part is seen."
)
EVIDENCE_OPTION = click.option(
    "--evidence", multiple=True, metavar="LOG:SEQ", help="A signed record that shows it; repeatable."
)
OUT_OPTION = click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True)


@passport.command("create")
@click.option("--battery", required=True, help="Id of the battery, to which its boards are bound.")
@click.option("--category", type=CATEGORIES, required=True)
@click.option("--name", required=True, help="What people call it.")
@click.option("--rated-capacity-mah", type=click.IntRange(1))
@click.option("--chemistry", type=click.Choice(["lfp", "nmc"]))
@click.option("--original", "originals", multiple=True, metavar="ID", help="Passport that it comes from; repeatable.")
@click.option("--consent", "consents", multiple=True, type=FILE, help="Of an original's operator; in their order.")
@click.option("--module", "modules", multiple=True, metavar="NAME=ID:PLACE", help="A module of an original; its place.")
@click.option("--id", "passport_id", metavar="ID", help="The id that consents were given for.")
@KEY_OPTION
@TO_OPTION
@READER_OPTION
def create(*, url: str, key_path: Path, reader_key: Path | None, battery: str, category: str, name: str,
           rated_capacity_mah: int | None, chemistry: str | None, originals: tuple[str, ...],
           consents: tuple[Path, ...], modules: tuple[str, ...], passport_id: str | None) -> None:  # fmt: skip
    """Open the passport of a battery, or of one that is made of others.

    \b
    packseal passport create --battery pack-1 --category EV --name "Pack 1" --key maker.key --to http://127.0.0.1:8420
    packseal passport create --battery store-1 --category SBESS --name "Store 1" --original 3f… --module M1=3f…:rack-2
        --key store.key --to http://127.0.0.1:8420
    """
    from packseal.apps.life_desk import NewPassport, checked_passport

    if consents and len(consents) != len(originals):
        raise ConfigError("give as many --consent as --original, in the same order")
    ids = tuple(map(checked_passport, originals))
    given = {original: path.read_bytes() for original, path in zip(ids, consents, strict=False)}
    places = tuple(_module(text) for text in modules)
    own = checked_passport(passport_id) if passport_id else None
    new = NewPassport(battery, category, name, ids, given, places, rated_capacity_mah, chemistry, own)
    made, index = _desk(url, key_path, reader_key).create(new)
    click.echo(f"passport {made.hex()} created as entry {index}")
    click.echo(f"{url.rstrip('/')}/battery/{made.hex()}")


@passport.command("new-id")
def new_id() -> None:
    """Print a new passport id, for consents that are given before the passport is created."""
    import secrets

    click.echo(secrets.token_hex(16))


@passport.group("act")
def act() -> None:
    """State what has become of a battery: its stage, a hand-over, a note, a test."""


@act.command("stage")
@click.argument("passport_id")
@click.argument("stage", type=STAGES)
@click.option("--note", default="", help="In words.")
@EVIDENCE_OPTION
@KEY_OPTION
@TO_OPTION
@READER_OPTION
def act_stage(*, passport_id: str, stage: str, note: str, evidence: tuple[str, ...], key_path: Path, url: str,
              reader_key: Path | None) -> None:  # fmt: skip
    """State the STAGE of a battery's life: `original` puts it on the market.

    \b
    packseal passport act stage 3f… original --key maker.key --to http://127.0.0.1:8420
    packseal passport act stage 3f… remanufactured --evidence 5a…:1042 --key store.key --to http://127.0.0.1:8420
    """
    from packseal.apps.life_desk import checked_passport
    from packseal.records.statement_bodies import Stage

    desk = _desk(url, key_path, reader_key)
    index = desk.change_stage(checked_passport(passport_id), Stage[stage.upper()], note, _records(evidence))
    click.echo(f"stated as entry {index}")


@act.command("consent")
@click.argument("passport_id")
@click.option("--new", "new_passport", metavar="ID", help="To a new passport that comes from this one.")
@OUT_OPTION
@KEY_OPTION
@TO_OPTION
def act_consent(*, passport_id: str, new_passport: str | None, out: Path, key_path: Path, url: str) -> None:
    """Write a consent: to take over a passport, or, with --new, that another is created from it.

    \b
    packseal passport act consent 3f… -o take-over.cose --key new-operator.key --to http://127.0.0.1:8420
    packseal passport act consent 3f… --new 77… -o second-life.cose --key maker.key --to http://127.0.0.1:8420
    """
    from packseal.apps.life_desk import checked_passport
    from packseal.io.keys import load_key

    to = checked_passport(new_passport) if new_passport else load_key(key_path).public_key
    content = _desk(url, key_path, None).consent(checked_passport(passport_id), to)
    _write(out, content)
    click.echo(f"{out}: holds until the passport's next act")


@act.command("hand-over")
@click.argument("passport_id")
@click.option("--operator", required=True, metavar="KEY", help="Public key of the new operator.")
@click.option("--consent", type=FILE, required=True, help="The new operator's, from `act consent`.")
@KEY_OPTION
@TO_OPTION
def act_hand_over(*, passport_id: str, operator: str, consent: Path, key_path: Path, url: str) -> None:
    """Hand the passport over to a new operator, who has consented."""
    from packseal.apps.life_desk import checked_passport
    from packseal.records.cose import ED25519, ESP256, VerifyingKey

    public_key = hex_bytes("--operator", operator, 32, 64)
    key = VerifyingKey(public_key, ED25519 if len(public_key) == 32 else ESP256)
    index = _desk(url, key_path, None).hand_over(checked_passport(passport_id), key, consent.read_bytes())
    click.echo(f"handed over as entry {index}")


@act.command("note")
@click.argument("passport_id")
@click.argument("kind", type=click.Choice(["repair", "accident", "other"]))
@click.argument("text")
@click.option("--on", "day", metavar="DATE", help="When it was, such as 2027-03-31; today without.")
@EVIDENCE_OPTION
@KEY_OPTION
@TO_OPTION
def act_note(*, passport_id: str, kind: str, text: str, day: str | None, evidence: tuple[str, ...], key_path: Path,
             url: str) -> None:  # fmt: skip
    """Keep a repair, an accident or something else with the battery.

    \b
    packseal passport act note 3f… repair "module 4 replaced" --key maker.key --to http://127.0.0.1:8420
    """
    from packseal.apps.life_desk import checked_passport
    from packseal.records.statement_bodies import NoteKind

    passport = checked_passport(passport_id)
    desk = _desk(url, key_path, None)
    index = desk.note(passport, NoteKind[kind.upper()], text, _unix_ms(day), _records(evidence))
    click.echo(f"kept as entry {index}")


@act.command("test")
@click.argument("passport_id")
@click.option("--capacity", required=True, metavar="PERCENT", help="Of rated capacity.")
@click.option("--spread", required=True, metavar="PERCENT", help="Between strongest and weakest cell block.")
@click.option("--method", required=True, help="In words: which test, by whom.")
@click.option("--on", "day", metavar="DATE", help="When it was; today without.")
@KEY_OPTION
@TO_OPTION
def act_test(*, passport_id: str, capacity: str, spread: str, method: str, day: str | None, key_path: Path,
             url: str) -> None:  # fmt: skip
    """State a capacity test, as an assessor."""
    from packseal.apps.life_desk import checked_passport

    found = (_cpct("--capacity", capacity), _cpct("--spread", spread))
    index = _desk(url, key_path, None).test(checked_passport(passport_id), *found, method, _unix_ms(day))
    click.echo(f"stated as entry {index}")


@passport.command("state")
@click.argument("file", type=FILE)
@click.option("--passport", "passport_id", metavar="ID", help="Of what, where the file does not say it.")
@click.option("--attach", multiple=True, type=FILE, help="A file that the values name by its SHA-256; repeatable.")
@click.option("--media-type", default="application/pdf", show_default=True, help="Of the attached files.")
@click.option("--check", is_flag=True, help="Only check the file.")
@click.option("--key", "key_path", type=FILE, help="Key file of who signs.")
@click.option("--to", "url", metavar="URL", help="The passport service, http(s)://host:port.")
def state(*, file: Path, passport_id: str | None, attach: tuple[Path, ...], media_type: str, check: bool,
          key_path: Path | None, url: str | None) -> None:  # fmt: skip
    """State static data from FILE (CSV or JSON): all of it, or nothing and every mistake in it.

    \b
    packseal passport state pack.json --passport 3f… --key maker.key --to http://127.0.0.1:8420
    packseal passport state fleet.csv --check
    """
    from packseal.apps.life_desk import attachment, checked_passport, static_values

    found = static_values(file, checked_passport(passport_id) if passport_id else None if not check else bytes(16))
    if check:
        click.echo(f"{file}: good; {sum(map(len, found.values()))} values of {len(found)} passports")
        return
    if key_path is None or url is None:
        raise ConfigError("name who signs with --key and the service with --to, or only check with --check")
    desk = _desk(url, key_path, None)
    files = [attachment(path, media_type) for path in attach]
    for passport_, values in found.items():
        indices = desk.state(passport_, values, files)
        click.echo(f"{passport_.hex()}: {len(values)} values stated as entries {', '.join(map(str, indices))}")


@passport.command("attributes")
def attributes() -> None:
    """List the attributes of a passport: key, who sees it, unit, and the clause that asks for it."""
    from packseal.passport.attributes import ATTRIBUTES
    from packseal.passport.stated_values import MEASURED, OF_LIFE, OF_NOTES

    for one in ATTRIBUTES.values():
        how = "records" if one.key in MEASURED else "acts" if one.key in OF_LIFE | OF_NOTES else "stated"
        group = str(int(one.group)) if one.group else "-"
        click.echo(f"{one.key:32} {group:2} {how:8} {one.unit:12} {one.name} ({one.clause})")


@passport.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print everything that the list knows as JSON.")
@TO_OPTION
@click.option("--reader-key", type=FILE, required=True, help="File with the key of an operator or owner.")
def list_(*, as_json: bool, url: str, reader_key: Path) -> None:
    """List the passports that this reader is responsible for.

    \b
    packseal passport list --to http://127.0.0.1:8420 --reader-key operator.key
    """
    from packseal.apps.passport_text import listed_lines

    found = _desk(url, None, reader_key).listed()
    click.echo(json.dumps(found, indent=1) if as_json else "\n".join(listed_lines(found) or ["no passports"]))


@passport.command("show")
@click.argument("passport_id")
@click.option("--json", "as_json", is_flag=True, help="Print the whole document as JSON.")
@TO_OPTION
@READER_OPTION
def show(*, passport_id: str, as_json: bool, url: str, reader_key: Path | None) -> None:
    """Print what this reader may see of a passport."""
    from packseal.apps.passport_text import passport_lines

    desk = _desk(url, None, reader_key)
    document = desk.document(passport_id)
    lines = [json.dumps(document, indent=1)] if as_json else passport_lines(document, desk.validity(passport_id))
    click.echo("\n".join(lines))


@passport.command("fresh")
@click.argument("passport_id")
@click.option("--nonce", metavar="HEX", help="16 bytes of your own as 32 hexadecimal digits; made at random without.")
@click.option("--wait-s", default=30, show_default=True, type=click.IntRange(1, 60), help="How long to wait for it.")
@OUT_OPTION
@TO_OPTION
@click.option("--reader-key", type=FILE, required=True, help="File with the key of a reader of its individual values.")
def fresh(*, passport_id: str, nonce: str | None, wait_s: int, out: Path, url: str, reader_key: Path) -> None:
    """Read a battery now: it signs a nonce below what it has just measured, and the bundle of that is written.

    \b
    packseal passport fresh 3f… --to https://passports.example.org --reader-key reader.key -o now.bundle
    packseal verify now.bundle --nonce …
    """
    import secrets
    from base64 import b64decode

    from packseal.apps.passport_text import fresh_lines

    own = hex_bytes("--nonce", nonce, 16) if nonce else secrets.token_bytes(16)
    _check_new(out)
    answer = _desk(url, None, reader_key).fresh(passport_id, own, wait_s)
    _write(out, b64decode(answer["bundle"]))
    click.echo("\n".join(fresh_lines(answer)))
    click.echo(f"nothing of this is verified yet; run: packseal verify {out} --nonce {own.hex()}")


@passport.command("export")
@click.argument("passport_id")
@OUT_OPTION
@TO_OPTION
@READER_OPTION
def export(*, passport_id: str, out: Path, url: str, reader_key: Path | None) -> None:
    """Write what this reader may see of a passport to a JSON file: its document, validity and signed statements."""
    desk = _desk(url, None, reader_key)
    content = {
        "document": desk.document(passport_id),
        "validity": desk.validity(passport_id),
        "statements": desk.statements(passport_id),
    }
    _write(out, json.dumps(content, indent=1).encode())
    click.echo(str(out))


def _desk(url: str, key_path: Path | None, reader_key: Path | None) -> LifeDesk:
    from packseal.apps.life_desk import LifeDesk
    from packseal.io.files import read_bounded
    from packseal.io.http_client import checked_url
    from packseal.io.keys import load_key

    key = read_bounded(reader_key, 200).decode("ascii", "replace").strip() if reader_key else ""
    return LifeDesk(checked_url(url), load_key(key_path) if key_path else None, key)


def _module(text: str) -> tuple[str, bytes, str]:
    from packseal.apps.life_desk import checked_passport

    name, _, rest = text.partition("=")
    original, _, place = rest.partition(":")
    if not name or not place:
        raise ConfigError(f"--module {text}: expected NAME=PASSPORT:PLACE")
    return name, checked_passport(original), place


def _records(texts: tuple[str, ...]) -> list[RecordRef]:
    from packseal.records.statement_bodies import RecordRef

    found = []
    for text in texts:
        log_id, _, seq = text.partition(":")
        if not (seq.isascii() and seq.isdigit() and len(seq) < 9):
            raise ConfigError(f"--evidence {text}: expected the log's id, a colon and the record's number")
        found.append(RecordRef(hex_bytes("--evidence", log_id, 16), int(seq)))
    return found


def _unix_ms(day: str | None) -> int:
    if day is None:
        return time.time_ns() // 1_000_000
    from datetime import UTC, datetime

    try:
        return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        raise ConfigError(f"--on {day}: expected a date such as 2027-03-31") from None


def _cpct(option: str, text: str) -> int:
    from decimal import Decimal, InvalidOperation

    try:
        cpct = Decimal(text) * 100
    except InvalidOperation:
        cpct = Decimal("0.5")
    if cpct != int(cpct) or not 0 <= cpct <= 20_000:
        raise ConfigError(f"{option} {text}: expected percent with at most two decimals, 0 to 200")
    return int(cpct)


def _check_new(path: Path) -> None:
    if path.exists():
        raise ConfigError(f"{path} is there already; choose another name")


def _write(path: Path, content: bytes) -> None:
    _check_new(path)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
