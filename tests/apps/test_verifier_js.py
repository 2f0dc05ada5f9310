"""The browser's verifier, run by Node: the same verdict and the same reason as the gateway's, on everything."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from packseal.errors import EvidenceError, Reason
from packseal.records.bundle import Bundle, Policy, PolicyLog, verify_bundle
from packseal.records.cbor import Sign1, Value, decode, encode
from packseal.records.checkpoint import CHECKPOINT_PURPOSE, RECEIPT_PURPOSE
from packseal.records.columns import decode_column
from packseal.records.cose import key_id, sign1
from packseal.records.entries import Body, Key, Window, decode_entry
from packseal.records.merkle import leaf_hash
from tests.line.rig import tool
from tests.passport.board import Board, key_of, signer

ROOT = Path(__file__).parents[2]
VERIFIER = ROOT / "gateway/packseal/apps/static/verify"
ASKER = Path(__file__).with_name("verifier.mjs")
MAX_NUMBER = (1 << 63) - 1
NUMBERS = (0, 1, 23, 24, 1024, 1025, 10_000, 1 << 24, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, MAX_NUMBER, 1 << 63)
RANDOM_ENTRIES = 3_000

Answer = dict[str, Any]


def vectors(name: str) -> Any:
    return json.loads((ROOT / "tests/vectors" / name).read_text())


BUNDLES = vectors("bundles.json")
LOG_ID, SERVICE = BUNDLES["policy"]["log_id"], BUNDLES["policy"]["service"]
POLICY = Policy({bytes.fromhex(LOG_ID): PolicyLog("vector-pack", "B")}, (bytes.fromhex(SERVICE),))


def ask(questions: list[tuple[Any, ...]]) -> list[Answer]:
    command = [tool("node"), str(ASKER), str(VERIFIER)]
    done = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    answers: list[Answer] = json.loads(done.stdout)
    assert len(answers) == len(questions)
    return answers


def ask_bundles(contents: list[bytes], policy: Policy = POLICY) -> list[Answer]:
    logs = {
        id_.hex(): {"battery": log.battery, "evidenceClass": log.evidence_class} for id_, log in policy.logs.items()
    }
    trusted = {"logs": logs, "services": [key.hex() for key in policy.services]}
    return ask([("bundle", content.hex(), trusted) for content in contents])


def plain(value: Any) -> Any:
    """As verifier.mjs writes it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, Sign1):
        return {"sign1": [plain(item) for item in value.items]}
    if isinstance(value, dict):
        return {"map": [[plain(key), plain(item)] for key, item in value.items()]}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def plain_body(body: Body | None) -> Any:
    """The body with the names of record.md; what is not available is left out."""
    if body is None:
        return None
    fields = {name: list(item.values()) if isinstance(item, dict) else item for name, item in asdict(body).items()}
    if isinstance(body, Key):
        fields |= {"act": 1, "algorithm": -19}
    return {name: plain(item) for name, item in fields.items() if item is not None}


def reason_of(check: Callable[[], object]) -> str:
    """The reason the gateway refuses for; empty when it accepts."""
    try:
        check()
    except EvidenceError as error:
        return str(error.reason)
    return ""


def reasons(answers: list[Answer]) -> list[str]:
    return [answer.get("reason", "") for answer in answers]


def assert_agreement(contents: list[bytes], policy: Policy = POLICY) -> set[str]:
    expected = [reason_of(lambda content=content: verify_bundle(content, policy)) for content in contents]  # type: ignore[misc]
    found = reasons(ask_bundles(contents, policy))
    differences = [(c.hex(), e, f) for c, e, f in zip(contents, expected, found, strict=True) if e != f]
    assert not differences, differences[:3]
    return set(found)


def bundle_parts(seq: int = 7) -> Bundle:
    return Bundle.from_bytes(bytes.fromhex(BUNDLES["good"][seq]["bundle"]))


def test_good_bundles_say_the_same() -> None:
    contents = [bytes.fromhex(good["bundle"]) for good in BUNDLES["good"]]
    for content, answer in zip(contents, ask_bundles(contents), strict=True):
        expected, found = verify_bundle(content, POLICY), answer["good"]
        entry, receipt = expected.entry, expected.receipt
        numbers = (entry.type, entry.seq, entry.boot, entry.uptime_ms, expected.checkpoint.size)
        assert [found[name] for name in ("type", "seq", "boot", "uptimeMs", "size")] == [str(int(n)) for n in numbers]
        assert (found["battery"], found["evidenceClass"], found["logId"]) == ("vector-pack", "B", LOG_ID)
        assert (found["publicKey"], found["root"]) == (expected.key.public_key.hex(), expected.checkpoint.root.hex())
        assert found["serviceIndex"] == str(receipt.service_index)
        assert found["receivedUnixMs"] == str(receipt.received_unix_ms)
        assert_same_body(found["body"], entry.body)


def assert_same_body(found: Any, body: Body | None) -> None:
    expected = plain_body(body)
    if isinstance(body, Window):
        found = {"slots_missed": "0", "values_unavailable": "0", "cell_mv": [], "temperature_ddegc": []} | found
    assert found == expected


def test_bad_bundles_are_refused_with_their_reason() -> None:
    found = reasons(ask_bundles([bytes.fromhex(bad["bundle"]) for bad in BUNDLES["bad"]]))
    assert found == [bad["reason"] for bad in BUNDLES["bad"]]


@pytest.mark.parametrize("seq", [1, 7])
def test_every_flipped_bit_and_every_truncation(seq: int) -> None:
    content = bytes.fromhex(BUNDLES["good"][seq]["bundle"])
    flipped = []
    for at, byte in enumerate(content):
        flipped += [content[:at] + bytes([byte ^ 1 << bit]) + content[at + 1 :] for bit in range(8)]
    assert "" not in assert_agreement(flipped)
    assert assert_agreement([content[:end] for end in range(len(content))]) == {"malformed"}


def test_policies() -> None:
    content = bytes.fromhex(BUNDLES["good"][7]["bundle"])
    other = bytes(key_of("service").verify_key)
    assert assert_agreement([content], Policy({}, POLICY.services)) == {"unknown-log"}
    for services in ((), (other,)):
        assert assert_agreement([content], Policy(POLICY.logs, services)) == {"unknown-service"}
    assert assert_agreement([content], Policy(POLICY.logs, (other, *POLICY.services))) == {""}


def test_cbor_accepted_means_the_same() -> None:
    contents = vectors("cbor.json")["accepted"]
    answers = ask([("cbor", content) for content in contents])
    assert [answer["good"] for answer in answers] == [plain(decode(bytes.fromhex(content))) for content in contents]


def test_cbor_refused() -> None:
    refused = vectors("cbor.json")["refused"]
    assert set(reasons(ask([("cbor", content) for content in refused.values()]))) == {"malformed"}


def test_cbor_of_others(shared: Path) -> None:
    files = ("cbor-appendix-a/appendix_a.json", "hostile/cbor-hostile.json")
    contents = [case["hex"] for name in files for case in json.loads((shared / "vectors" / name).read_text())]
    expected = [reason_of(lambda content=content: decode(bytes.fromhex(content))) for content in contents]  # type: ignore[misc]
    assert reasons(ask([("cbor", content) for content in contents])) == expected


def test_entries_and_columns() -> None:
    steps, bad, columns = vectors("log.json")["steps"], vectors("entries_bad.json"), vectors("columns.json")
    for step, answer in zip(steps, ask([("entry", step["entry"]) for step in steps]), strict=True):
        assert_same_body(answer["good"]["body"], decode_entry(bytes.fromhex(step["entry"])).body)
    assert set(reasons(ask([("entry", entry["entry"]) for entry in bad]))) == {"malformed"}
    answers = ask([("column", row["column"]) for row in columns])
    assert [answer["good"] for answer in answers] == [plain(row["values"]) for row in columns]


def test_columns_at_random() -> None:
    chance = random.Random(1)
    contents = [bytes(chance.choices((0, 1, 127, 128, 129, 255), k=chance.randrange(1, 12))) for _ in range(2_000)]
    answers = ask([("column", content.hex()) for content in contents])
    for content, answer in zip(contents, answers, strict=True):
        if reason_of(lambda content=content: decode_column(content)):  # type: ignore[misc]
            assert answer["reason"] == "malformed", content.hex()
        else:
            assert answer["good"] == plain(decode_column(content)), content.hex()


def _random_value(chance: random.Random, depth: int = 2) -> Value:
    number = chance.choice(NUMBERS)
    values: list[Value] = [None, number, -number, bytes(chance.choice((0, 16, 31, 32, 33))), "text"]
    if depth:
        values += [[_random_value(chance, depth - 1) for _ in range(chance.randrange(7))] for _ in range(2)]
    return chance.choice(values)


def random_entries() -> Iterator[bytes]:
    """Entries of every kind with one or two things changed to anything."""
    chance = random.Random(2)
    entries: list[Any] = [decode(bytes.fromhex(step["entry"])) for step in vectors("log.json")["steps"]]
    for _ in range(RANDOM_ENTRIES):
        *head, fields = chance.choice(entries)
        body = dict(fields)
        for _ in range(chance.randrange(3)):
            key = chance.choice((*body, *range(14)))
            body[key] = _random_value(chance)
            if chance.randrange(4) == 0:
                del body[key]
        if chance.randrange(4) == 0:
            head[chance.randrange(4)] = _random_value(chance, 0)
        yield encode([*head, body])


def test_entries_at_random() -> None:
    contents = list(random_entries())
    answers = ask([("entry", content.hex()) for content in contents])
    expected = [reason_of(lambda content=content: decode_entry(content)) for content in contents]  # type: ignore[misc]
    assert reasons(answers) == expected
    for content, answer in zip(contents, answers, strict=True):
        if "good" in answer:
            assert_same_body(answer["good"]["body"], decode_entry(content).body)
    assert RANDOM_ENTRIES // 5 < expected.count("") < RANDOM_ENTRIES * 4 // 5, "both verdicts are tried"


def libsodium_accepts(public_key: str, message: bytes, signature: str) -> bool:
    try:
        VerifyKey(bytes.fromhex(public_key)).verify(message, bytes.fromhex(signature))
    except CryptoError:
        return False
    return True


def test_edge_signatures_are_accepted_as_libsodium_does(shared: Path) -> None:
    cases = json.loads((shared / "vectors/cctv-ed25519/ed25519vectors.json").read_text())
    expected = [libsodium_accepts(case["key"], case["msg"].encode(), case["sig"]) for case in cases]
    answers = ask([("signature", case["key"], case["msg"].encode().hex(), case["sig"]) for case in cases])
    assert [not reason for reason in reasons(answers)] == expected
    assert (len(cases), sum(expected)) == (914, 43)


def test_inclusion_proofs_of_others(shared: Path) -> None:
    paths = sorted((shared / "vectors/transparency-dev-merkle/testdata/inclusion").rglob("*.json"))
    cases = [json.loads(path.read_text()) for path in paths]

    def hexed(text: str | None) -> str:
        return base64.b64decode(text or "").hex()

    questions = []
    for case in cases:
        proof = [hexed(node) for node in case["proof"] or []]
        questions.append(
            ("inclusion", hexed(case["leafHash"]), case["leafIdx"], case["treeSize"], proof, hexed(case["root"]))
        )
    answers = ask(questions)
    assert len(cases) == 98
    assert [bool(reason) for reason in reasons(answers)] == [case["wantErr"] for case in cases]


# --- bundles of a board and a service whose keys are known here, so that odd contents are signed all the same

BOARD = Board()
SERVICE_KEY = key_of("service")
SERVICE_PUBLIC = bytes(SERVICE_KEY.verify_key)
OWN = Policy({BOARD.log_id: PolicyLog("pack-1", "B")}, (SERVICE_PUBLIC,))
HEAD: list[Value] = [BOARD.log_id, 1, leaf_hash(BOARD.genesis)]  # a log of its genesis alone


def own_bundle(
    checkpoint: Value = None, receipt: Value = None, entry: bytes = BOARD.genesis, kid: bytes | None = None
) -> bytes:
    checkpoint = [1, *HEAD, 1, 0, None, None] if checkpoint is None else checkpoint
    receipt = [1, *HEAD, 0, 1_790_000_000_000] if receipt is None else receipt
    signed = sign1(encode(checkpoint), CHECKPOINT_PURPOSE, signer(BOARD.signing_key))
    received = sign1(encode(receipt), RECEIPT_PURPOSE, signer(SERVICE_KEY), kid or key_id(SERVICE_PUBLIC))
    return Bundle(BOARD.genesis, entry, (), signed, received).to_bytes()


def test_no_integer_loses_a_digit() -> None:
    content = own_bundle([1, *HEAD, 1, MAX_NUMBER, b"", MAX_NUMBER], [1, *HEAD, MAX_NUMBER, (1 << 53) + 1])
    assert assert_agreement([content], OWN) == {""}
    (answer,) = ask_bundles([content], OWN)
    assert answer["good"]["serviceIndex"] == str(MAX_NUMBER)
    assert answer["good"]["receivedUnixMs"] == "9007199254740993"
    entry = encode([1, 0, 1, (1 << 53) + 1, {}])
    assert ask([("entry", entry.hex())])[0]["reason"] == "malformed"
    (answer,) = ask([("entry", encode([4, 0, 1, (1 << 53) + 1, {}]).hex())])
    assert answer["good"]["uptimeMs"] == "9007199254740993"


SIGNED_AND_REFUSED = (
    Reason.MALFORMED, Reason.UNKNOWN_VERSION, Reason.WRONG_LOG, Reason.WRONG_SEQ,
    Reason.BAD_INCLUSION_PROOF, Reason.UNKNOWN_SERVICE, Reason.RECEIPT_MISMATCH,
)  # fmt: skip


def test_odd_contents_that_are_signed() -> None:
    log_id, size, root = HEAD
    checkpoints: list[Value] = [
        [], [1], [2], [2, *HEAD], ["1", *HEAD], [1, *HEAD, 1, 0, None], [1, *HEAD, 1, 0, None, None, None],
        [1, *HEAD, 1, 0, 1, None], [1, *HEAD, 1, 0, None, b""], [1, log_id, 0, root, 1, 0, None, None],
        [1, log_id, 1 << 24, root, 1, 0, None, None], [1, log_id, size, b"", 1, 0, None, None],
        [1, b"", size, root, 1, 0, None, None], [1, bytes(16), size, root, 1, 0, None, None],
        [1, log_id, 2, root, 1, 0, None, None], {1: 2}, "text",
    ]  # fmt: skip
    receipts: list[Value] = [
        [], [2], [1, *HEAD, 0], [1, *HEAD, 0, None], [1, *HEAD, 0, 0, 0], [1, bytes(16), size, root, 0, 0],
        [1, log_id, 2, root, 0, 0], [1, log_id, size, bytes(32), 0, 0], [1, log_id, 0, root, 0, 0],
    ]  # fmt: skip
    contents = [own_bundle(checkpoint=checkpoint) for checkpoint in checkpoints]
    contents += [own_bundle(receipt=receipt) for receipt in receipts]
    contents += [own_bundle(entry=encode([31, 1, 1, 0, {}])), own_bundle(kid=b"another."), own_bundle(kid=b"short")]
    found = assert_agreement(contents, OWN)
    assert found == {str(reason) for reason in SIGNED_AND_REFUSED}


def test_odd_bundles() -> None:
    parts = bundle_parts()
    whole: Any = decode(parts.to_bytes())
    bundles: list[Value] = [
        [], whole[:5], [*whole, 0], [1, *whole[1:]], [None, *whole[1:]],
        ["packseal/bundle/2"], ["\ufeffpackseal/bundle/1", *whole[1:]],
        [*whole[:3], [b"short"], *whole[4:]], [*whole[:3], None, *whole[4:]], [whole[0], None, *whole[2:]],
        [*whole[:3], [bytes(32)] * 30, *whole[4:]], [*whole[:4], b"", b""], [*whole[:5], b""], whole[0], {0: whole},
    ]  # fmt: skip
    assert assert_agreement([encode(bundle) for bundle in bundles]) >= {"malformed", "unknown-version"}


def test_a_tag_stands_around_a_cose_sign1_and_nowhere_else() -> None:
    """Section 1 item 1; what is signed is signed with the tag, so that only the tag can be what is refused."""
    whole: Any = decode(own_bundle())
    payload: Any = Sign1([1, *HEAD, 1, 0, None, None])
    received: Any = Sign1([1, *HEAD, 0, 0])
    tagged: Any = Sign1(whole)
    proof: Any = Sign1([])
    contents = [
        encode(tagged),
        encode([*whole[:3], proof, *whole[4:]]),
        own_bundle(payload),
        own_bundle(receipt=received),
    ]
    assert assert_agreement(contents, OWN) == {"malformed"}
    entry: Any = Sign1([4, 0, 1, 0, {}])
    assert reasons(ask([("entry", encode(entry).hex())])) == ["malformed"]


def test_a_checkpoint_names_no_key() -> None:
    """Section 4 item 1: its protected header is exactly {1: -19}."""
    whole: Any = decode(own_bundle())
    payload = encode([1, *HEAD, 1, 0, None, None])
    signed = sign1(payload, CHECKPOINT_PURPOSE, signer(BOARD.signing_key), key_id(BOARD.public_key))
    assert assert_agreement([encode([*whole[:4], signed, whole[5]])], OWN) == {"malformed"}
