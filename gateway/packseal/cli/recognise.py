"""Recognition of certification: what a certificate is worth under another scheme, and what is signed for it."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import click

from packseal.cli.authority import KEY_OPTION, NEW_FILE
from packseal.cli.root import EXIT_REFUSED, FILE, main
from packseal.errors import ConfigError, EvidenceError

OUT_OPTION = click.option("--out", "-o", type=NEW_FILE, required=True, help="File to write.")
DRAFT = click.argument("draft", type=FILE)


@main.command()
@click.argument("certificate", type=FILE)
@click.option("--under", "rules", type=FILE, required=True, help="Book of rules and schemes, from `certify rules`.")
@click.option("--trust", "trust_list", type=FILE, required=True, help="Trust list, signed by its publisher.")
@click.option("--publisher", type=FILE, help="Whose list it has to be; publisher.toml beside it unless given.")
@click.option("--as", "target", nargs=2, metavar="SCHEME PROFILE", help="Each as name@version; not needed where the "
              "rules lead to one alone.")  # fmt: skip
@click.option("--subject", metavar="'KIND ID'", help="Refuse what is of another: pack, log, board, operator, software.")
@click.option("--least-sequence", default=0, show_default=True, help="Number of the newest trust list you have seen.")
@click.option("--out", "-o", type=NEW_FILE, help="Write the decision, to be replayed later.")
@click.option("--replay", type=FILE, help="Make this stored decision again, at its time, and compare the bytes.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON, with a stable reason.")
def recognise(*, certificate: Path, rules: Path, trust_list: Path, publisher: Path | None,
              target: tuple[str, str] | None, subject: str | None, least_sequence: int, out: Path | None,
              replay: Path | None, as_json: bool) -> None:  # fmt: skip
    """Decide whether CERTIFICATE counts under another scheme, and say of each criterion why. Needs no network.

    \b
    packseal recognise pack-1.certified --under rules.book --trust list.trust
    packseal recognise pack-1.certified --under rules.book --trust list.trust --subject 'pack 3f…' -o pack-1.decision
    packseal recognise pack-1.certified --under rules.book --trust list.trust --replay pack-1.decision
    """
    from packseal.apps.recognise import PaperFiles, decided, replay_of, scope_of, subject_from

    papers = PaperFiles(certificate, rules, trust_list, publisher).read()
    scope = scope_of(*target) if target else None
    asked = subject_from(subject) if subject else None
    try:
        if replay:
            decision, is_same = replay_of(replay, papers)
        else:
            decision, is_same = decided(papers, scope, asked, least_sequence, _now_unix_ms()), True
    except EvidenceError as error:
        if not as_json:
            raise
        from packseal.records.report import refusal_json

        click.echo(json.dumps(refusal_json(error), indent=1))
        raise click.exceptions.Exit(EXIT_REFUSED) from None
    if out:
        _write(out, decision.to_bytes())
    _print(decision.to_json() | ({"is_replay_equal": is_same} if replay else {}), decision.lines(), as_json)
    if replay and not as_json:
        click.echo(
            "the same decision, byte for byte" if is_same else f"{replay}: another decision; this one is made now"
        )
    raise click.exceptions.Exit(0 if decision.is_recognised and is_same else EXIT_REFUSED)


@main.group()
def certify() -> None:
    """Sign what recognition rests on: certificates, accreditations, rules, trust lists."""


@certify.command("certificate")
@DRAFT
@click.option("--accreditation", "accreditations", type=FILE, multiple=True, help="That leads to the signer, the one "
              "that an anchor signed first; repeatable.")  # fmt: skip
@KEY_OPTION
@OUT_OPTION
def certify_certificate(draft: Path, accreditations: tuple[Path, ...], key_path: Path, out: Path) -> None:
    """Sign the certificate of DRAFT, a TOML file.

    \b
    packseal certify certificate pack-1.toml --accreditation body.accreditation --key body.key -o pack-1.certified
    """
    from packseal.apps.recognise import certificate_file
    from packseal.exchange.recognition.papers import Certified
    from packseal.io.keys import load_key
    from packseal.records.cose import payload_digest

    content = certificate_file(draft, accreditations, load_key(key_path))
    _written(out, content, payload_digest(Certified.from_bytes(content).certificate))


@certify.command("accreditation")
@DRAFT
@KEY_OPTION
@OUT_OPTION
def certify_accreditation(draft: Path, key_path: Path, out: Path) -> None:
    """Sign the accreditation of DRAFT: its holder may accredit or certify for the schemes that it names."""
    from packseal.apps.recognise import accreditation_file
    from packseal.io.keys import load_key
    from packseal.records.cose import payload_digest

    content = accreditation_file(draft, load_key(key_path))
    _written(out, content, payload_digest(content))


@certify.command("scheme")
@DRAFT
@OUT_OPTION
def certify_scheme(draft: Path, out: Path) -> None:
    """Write the scheme of DRAFT; nobody signs it, a trust list names it by its SHA-256."""
    from packseal.apps.recognise import scheme_file

    content = scheme_file(draft)
    _written(out, content, hashlib.sha256(content).digest())


@certify.command("rule")
@DRAFT
@KEY_OPTION
@OUT_OPTION
def certify_rule(draft: Path, key_path: Path, out: Path) -> None:
    """Sign the rule of equivalence of DRAFT, as the first of its two parties."""
    from packseal.apps.recognise import rule_bytes, rule_file
    from packseal.io.keys import load_key

    signed = rule_file(draft, load_key(key_path))
    _written(out, rule_bytes(signed), signed.digest)


@certify.command("read")
@click.argument("rule", type=FILE)
def certify_read(rule: Path) -> None:
    """Print what RULE says and which keys it names as its signers; their signatures are not checked here."""
    from packseal.apps.recognise import read_signed_rule
    from packseal.records.printable import printable

    signed = read_signed_rule(rule)
    named = ", ".join(kid.hex() if kid else "nobody" for kid in signed.kids)
    for line in (*signed.rule.lines(), f"names as signers: {named}"):
        click.echo(printable(line))


@certify.command("countersign")
@click.argument("rule", type=FILE)
@KEY_OPTION
@OUT_OPTION
def certify_countersign(rule: Path, key_path: Path, out: Path) -> None:
    """Sign RULE as its second party, of the other side. `certify read` shows what it says.

    \b
    packseal certify countersign cfp.rule --key catena.key -o cfp.both.rule
    """
    from packseal.apps.recognise import countersigned, rule_bytes
    from packseal.io.keys import load_key

    signed = countersigned(rule, load_key(key_path))
    _written(out, rule_bytes(signed), signed.digest)


@certify.command("rules")
@click.option("--scheme", "schemes", type=FILE, multiple=True, help="From `certify scheme`; repeatable.")
@click.option("--rule", "rules", type=FILE, multiple=True, help="Signed by both sides; repeatable.")
@OUT_OPTION
def certify_rules(schemes: tuple[Path, ...], rules: tuple[Path, ...], out: Path) -> None:
    """Put schemes and rules into one book, for `recognise --under`."""
    from packseal.apps.recognise import rule_book

    content = rule_book(schemes, rules)
    _written(out, content, hashlib.sha256(content).digest())


@certify.command("trust-list")
@DRAFT
@KEY_OPTION
@OUT_OPTION
def certify_trust_list(draft: Path, key_path: Path, out: Path) -> None:
    """Sign the trust list of DRAFT, issued now: anchors, parties, schemes and rules in force, what is revoked."""
    from packseal.apps.recognise import trust_list_file
    from packseal.io.keys import load_key

    content = trust_list_file(draft, load_key(key_path), _now_unix_ms())
    _written(out, content, hashlib.sha256(content).digest())


def _print(found: dict[str, object], lines: list[str], as_json: bool) -> None:
    from packseal.records.printable import printable

    click.echo(json.dumps(found, indent=1) if as_json else "\n".join(map(printable, lines)))


def _written(out: Path, content: bytes, digest: bytes) -> None:
    _write(out, content)
    click.echo(f"{out}: {len(content)} bytes, sha256 {digest.hex()}")


def _write(out: Path, content: bytes) -> None:
    if out.exists():
        raise ConfigError(f"{out} is there already; choose another name")
    try:
        out.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from None


def _now_unix_ms() -> int:
    return time.time_ns() // 1_000_000
