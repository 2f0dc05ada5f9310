"""packseal certify and packseal recognise, as the people of two sides type them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from packseal.cli import main
from packseal.errors import Reason
from packseal.exchange.recognition.refusal import Refusal
from packseal.io.keys import load_or_make_key
from packseal.io.recognition_drafts import (
    AccreditationDraft,
    CertificateDraft,
    RuleDraft,
    SchemeDraft,
    TrustListDraft,
)
from packseal.io.setting_types import Table
from packseal.io.settings_file import load_settings
from tests.apps.command import packseal

PACK = "pack 000102030405060708090a0b0c0d0e0f"
VALID = "valid_from = 2020-01-01T00:00:00Z\nvalid_until = 2099-01-01T00:00:00Z\n"
EAST = """
scheme = "example.ouranos-cfp@1.0"
title = "Carbon footprint of batteries, traced"
side = "ouranos"
[[criterion]]
name = "e.data-quality@1.0"
title = "data quality rated"
[[criterion]]
name = "e.third-party@1.0"
title = "verified by a third party"
[[criterion]]
name = "e.site@1.0"
title = "one site"
[[profile]]
name = "traceable@1.0"
criteria = ["e.data-quality@1.0", "e.third-party@1.0"]
least_level = "Verified"
"""
WEST = """
scheme = "example.catena-x-pcf@2.0"
title = "Product carbon footprint, verified"
side = "catena-x"
[[criterion]]
name = "w.primary-data@2.1"
title = "share of primary data"
[[criterion]]
name = "w.verified@3"
title = "verification"
[[profile]]
name = "product@1.0"
criteria = ["w.primary-data@2.1", "w.verified@3"]
least_level = "Verified"
"""
RULE = (
    """
rule = "cfp-ouranos-catena-x@VERSION"
from_scheme = "example.ouranos-cfp@1.0"
from_profile = "traceable@1.0"
to_scheme = "example.catena-x-pcf@2.0"
to_profile = "product@1.0"
least_level = "Verified"
attestation_types = ["certification"]
assessor_levels = ["3rdParty"]
"""
    + VALID
    + """
[[mapping]]
criterion = "w.primary-data@2.1"
by = ["e.data-quality@1.0"]
coverage = "full"
[[mapping]]
criterion = "w.verified@3"
by = [VERIFIED_BY]
coverage = "full"
"""
)
CERTIFICATE = f"""
id = "C-2027-114"
subject = "{PACK}"
scheme = "example.ouranos-cfp@1.0"
profile = "traceable@1.0"
issued_to = "corporate-number:1234567890123"
attestation_type = "certification"
assessor_level = "3rdParty"
assessment_level = "Accredited"
met = ["e.data-quality@1.0", "e.third-party@1.0"]
{VALID}"""


class Desk:
    """A folder in which everybody's files lie: each key is used by its owner alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("publisher", "anchor", "accreditor", "certifier", "east", "west", "stranger"):
            load_or_make_key(self.file(f"{name}.key"))

    def file(self, name: str) -> Path:
        return self.folder / name

    def public(self, name: str) -> str:
        return load_or_make_key(self.file(f"{name}.key")).public_key.hex()

    def draft(self, name: str, text: str) -> str:
        self.file(name).write_text(text)
        return str(self.file(name))

    def ran(self, *arguments: str) -> Result:
        found = CliRunner().invoke(main, arguments)
        assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
        return found

    def certified(self, command: str, draft: str, out: str, by: str, *options: str) -> str:
        """-> the SHA-256 that was printed."""
        done = self.ran("certify", command, draft, *options, "--key", str(self.file(f"{by}.key")), "-o", self.path(out))
        assert done.exit_code == 0, done.output
        (digest,) = re.findall(r"sha256 ([0-9a-f]{64})\n", done.output)
        return str(digest)

    def path(self, name: str) -> str:
        return str(self.file(name))

    def accredit(self, holder: str, may: str, by: str) -> str:
        head = f'id = "A-{holder}"\nholder = "{self.public(holder)}"\nname = "Body {holder}"\nmay = "{may}"\n'
        scope = 'schemes = ["example.ouranos-cfp@1.0"]\nhighest_level = "Accredited"\n'
        draft = self.draft(f"{holder}.toml", head + scope + VALID)
        return self.certified("accreditation", draft, f"{holder}.accreditation", by)

    def certify(self, out: str = "pack-1.certified", text: str = CERTIFICATE) -> str:
        names = (self.path(f"{name}.accreditation") for name in ("accreditor", "certifier"))
        chain = [part for name in names for part in ("--accreditation", name)]
        return self.certified("certificate", self.draft("pack-1.toml", text), out, "certifier", *chain)

    def schemes(self) -> None:
        for name, text in (("east", EAST), ("west", WEST)):
            draft = self.draft(f"{name}.scheme.toml", text)
            assert self.ran("certify", "scheme", draft, "-o", self.path(f"{name}.scheme")).exit_code == 0

    def rule(self, version: str, verified_by: str) -> str:
        """Signed by both sides, in a book with both schemes. -> SHA-256 of the rule"""
        draft = self.draft(f"rule-{version}.toml", RULE.replace("VERSION", version).replace("VERIFIED_BY", verified_by))
        self.certified("rule", draft, f"{version}.rule", "east")
        digest = self.certified("countersign", self.path(f"{version}.rule"), f"{version}.both", "west")
        parts = ["--scheme", self.path("east.scheme"), "--scheme", self.path("west.scheme")]
        parts += ["--rule", self.path(f"{version}.both"), "-o", self.path(f"{version}.book")]
        done = self.ran("certify", "rules", *parts)
        assert done.exit_code == 0, done.output
        return digest

    def trust(self, out: str, sequence: int, version: str, more: str = "", expires: str = "") -> None:
        text = f'id = "example.recognition"\nsequence = {sequence}\nexpires = {expires or soon()}\n'
        text += f'rules = ["cfp-ouranos-catena-x@{version}"]\n'
        text += f'[[anchor]]\nside = "ouranos"\npublic_key = "{self.public("anchor")}"\nname = "Anchor"\n{VALID}'
        for side, name in (("ouranos", "east"), ("catena-x", "west")):
            head = f'[[party]]\nside = "{side}"\nid = "{name}-owner"\n'
            text += head + f'public_key = "{self.public(name)}"\nname = "Owner {name}"\n'
        text += "".join(f'[[scheme]]\nfile = "{name}.scheme"\n' for name in ("east", "west"))
        self.certified("trust-list", self.draft(f"{out}.toml", text + more), out, "publisher")

    def everything(self) -> None:
        self.accredit("accreditor", "accredit", "anchor")
        self.accredit("certifier", "certify", "accreditor")
        self.schemes()
        self.certify()
        self.rule("1.0", '"e.third-party@1.0"')
        self.trust("list.trust", 1, "1.0")
        self.draft("publisher.toml", f'public_key = "{self.public("publisher")}"\n')

    def recognise(self, *options: str, version: str = "1.0", trust: str = "list.trust") -> Result:
        files = (self.path("pack-1.certified"), "--under", self.path(f"{version}.book"), "--trust", self.path(trust))
        return self.ran("recognise", *files, *options)


def soon() -> str:
    return (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.everything()
    return made


def test_a_certificate_crosses_by_a_two_sided_rule_until_the_rule_changes(desk: Desk) -> None:
    """The journey: recognised under Ouranos, accepted under Catena-X; then a new version of the rule asks for more."""
    own = desk.recognise("--as", "example.ouranos-cfp@1.0", "traceable@1.0", "--subject", PACK)
    assert (own.exit_code, own.output.startswith("RECOGNISED  as example.ouranos-cfp@1.0")) == (0, True), own.output
    crossed = desk.recognise("--subject", PACK)
    assert crossed.exit_code == 0, crossed.output
    assert "by rule cfp-ouranos-catena-x@1.0" in crossed.output
    assert crossed.output.count("    met  ") == 2
    assert "It is not the acceptance of an authority, a scheme or a partner." in crossed.output

    desk.rule("2.0", '"e.third-party@1.0", "e.site@1.0"')
    desk.trust("newer.trust", 2, "2.0")
    old_book = desk.recognise(trust="newer.trust")
    assert (old_book.exit_code, "rule-not-in-force" in old_book.output) == (1, True), old_book.output
    assert "missing  w.verified@3" in old_book.output
    refused = desk.recognise(version="2.0", trust="newer.trust")
    assert refused.exit_code == 1
    assert "criterion-missing" in refused.output
    assert "missing: w.verified@3 (verification)" in refused.output
    assert "the certificate does not assess e.site@1.0" in refused.output


def test_a_decision_is_kept_and_replayed_to_the_same_bytes(desk: Desk) -> None:
    kept = desk.path("pack-1.decision")
    assert desk.recognise("--subject", PACK, "-o", kept).exit_code == 0
    again = desk.recognise("--replay", kept)
    assert (again.exit_code, again.output.splitlines()[-1]) == (0, "the same decision, byte for byte")
    desk.trust("other.trust", 2, "1.0")
    other = desk.recognise("--replay", kept, trust="other.trust")
    assert (other.exit_code, "another decision" in other.output) == (1, True)
    shown = json.loads(desk.recognise("--replay", kept, "--json").output)
    assert (shown["is_replay_equal"], shown["verdict"]) == (True, "recognised")


def test_json_has_stable_keys(desk: Desk) -> None:
    found = json.loads(desk.recognise("--json", "--subject", "pack " + "ff" * 16).output)
    assert (found["verdict"], found["reason"], found["is_legal_acceptance"]) == ("refused", "wrong-subject", False)
    found = json.loads(desk.recognise("--json").output)
    assert (found["verdict"], found["reason"], found["rule"]) == ("recognised", None, "cfp-ouranos-catena-x@1.0")
    assert [one["met"] for one in found["criteria"]] == ["met", "met"]
    assert found["certificate"]["assessment_level"] == "Accredited"


def test_what_is_revoked_is_named_by_what_was_printed(desk: Desk) -> None:
    digest = desk.certify("again.certified")
    for number, (kind, what) in enumerate(
        (("certificate", f'sha256 = "{digest}"'), ("key", f'public_key = "{desk.public("accreditor")}"')), 2
    ):
        revoked = f'[[revoked]]\nkind = "{kind}"\n{what}\ncause = "stolen"\n'
        desk.trust(f"{number}.trust", number, "1.0", revoked)
        done = desk.recognise(trust=f"{number}.trust")
        assert (done.exit_code, "  revoked\n" in done.output) == (1, True), done.output


def test_a_list_of_somebody_else_decides_nothing(desk: Desk) -> None:
    desk.draft("publisher.toml", f'public_key = "{desk.public("stranger")}"\n')
    done = desk.recognise()
    assert (done.exit_code, "unknown-authority" in done.stderr) == (1, True)
    as_json = json.loads(desk.recognise("--json").output)
    assert (as_json["verdict"], as_json["reason"]) == ("refused", "unknown-authority")
    given = desk.draft("mine.toml", f'public_key = "{desk.public("publisher")}"\n')
    assert desk.recognise("--publisher", given).exit_code == 0


def test_a_rule_is_read_before_it_is_signed(desk: Desk) -> None:
    done = desk.ran("certify", "read", desk.path("1.0.both"))
    assert "    w.verified@3 <- e.third-party@1.0 (full)" in done.output.splitlines()
    by = ("--key", desk.path("stranger.key"), "-o", desk.path("x"))
    half = desk.ran("certify", "countersign", desk.path("1.0.both"), *by)
    assert (half.exit_code, "signed once by each of two parties" in half.stderr) == (2, True)


def test_a_mistake_says_its_cure(desk: Desk) -> None:
    half = desk.recognise("--as", "example.catena-x-pcf", "product@1.0")
    assert (half.exit_code, "--as 'example.catena-x-pcf': expected name@version" in half.stderr) == (2, True)
    nobody = desk.recognise("--subject", "car 12")
    assert (nobody.exit_code, "expected one of pack, log, board, operator, software" in nobody.stderr) == (2, True)
    short = desk.recognise("--subject", "pack 12")
    assert (short.exit_code, "expected 32 hexadecimal digits of a pack" in short.stderr) == (2, True)
    desk.ran("certify", "rules", "-o", desk.path("empty.book"))
    empty = desk.recognise(version="empty")
    assert (empty.exit_code, "say with --as SCHEME PROFILE" in empty.stderr) == (2, True)
    desk.file("publisher.toml").unlink()
    done = desk.recognise()
    assert (done.exit_code, "say whose trust list you take with --publisher FILE" in done.stderr) == (2, True)


DRAFTS: dict[str, tuple[str, str, str]] = {
    "a level that is none": ('"Accredited"', '"Platinum"', "expected one of Unspecified, Validated, Verified"),
    "a name without a version": ('"e.third-party@1.0"]', '"e.third-party"]', "expected name@version"),
    "a criterion twice": ("met =", 'partial = ["e.third-party@1.0"]\nmet =', "the same criterion twice"),
    "a key too many": ("id =", "colour = 'red'\nid =", "unknown key 'colour'"),
    "a time without a zone": ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00", "timezone"),
    "an end before its beginning": ("2099-", "2019-", "a period is"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), DRAFTS.values(), ids=DRAFTS)
def test_nothing_is_signed_from_a_draft_with_a_mistake(tmp_path: Path, old: str, new: str, words: str) -> None:
    desk = Desk(tmp_path)
    draft, out = desk.draft("c.toml", CERTIFICATE.replace(old, new)), desk.path("c.certified")
    done = desk.ran("certify", "certificate", draft, "--key", desk.path("certifier.key"), "-o", out)
    assert (done.exit_code, words in done.stderr) == (2, True), done.stderr
    assert not Path(out).exists()


def test_as_a_process_with_its_exit_codes(desk: Desk) -> None:
    files = ("--under", desk.path("1.0.book"), "--trust", desk.path("list.trust"))
    good = packseal("recognise", desk.path("pack-1.certified"), *files)
    assert (good.code, good.err) == (0, "")
    cut = desk.file("cut.certified")
    cut.write_bytes(desk.file("pack-1.certified").read_bytes()[:-1])
    bad = packseal("recognise", cut, *files)
    assert (bad.code, bad.out) == (1, "")
    assert bad.err.startswith("packseal: malformed: ")


# ---- the page


PAGE = (Path(__file__).parents[2] / "docs/recognition.md").read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
MODELS = (CertificateDraft, AccreditationDraft, RuleDraft, SchemeDraft, TrustListDraft)


@pytest.mark.parametrize(
    ("block", "model"), list(zip(BLOCKS, MODELS, strict=True)), ids=[one.__name__ for one in MODELS]
)
def test_drafts_of_the_page_load_and_name_every_key(tmp_path: Path, block: str, model: type[Table]) -> None:
    text = block.replace("pack 3f…", PACK).replace('"…"', f'"{"1f" * 32}"')
    (tmp_path / "draft.toml").write_text(text)
    assert load_settings(tmp_path / "draft.toml", model)
    keys = set(re.findall(r"^(?:\[\[)?(\w+)", block, re.MULTILINE))
    assert set(model.model_fields) <= keys


def test_every_reason_to_refuse_stands_on_the_page() -> None:
    steps = PAGE.partition("## 8 ")[2].partition("## 9 ")[0]
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", steps))
    assert set(Refusal) <= named
    assert named <= {*Refusal, *Reason}


def test_every_test_of_the_page_exists() -> None:
    defined = (Path(__file__).parents[1] / "exchange/recognition/test_recognise.py").read_text()
    named = re.findall(r"`(test_[a-z_]+)`", PAGE)
    assert len(named) > 5
    assert all(f"def {name}(" in defined for name in named)
