"""The browser's verifier, run by Node: the same verdict and the same reason as the gateway's, on everything."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from packseal.errors import EvidenceError
from packseal.records.attestation import attestation_digest
from packseal.records.blinding import OpenRecord
from packseal.records.bodies import METHODS
from packseal.records.cbor import Sign1, Value, decode, encode
from packseal.records.columns import decode_column
from packseal.records.cose import ED25519, Sign, VerifyingKey, sign1, unverified_payload
from packseal.records.entries import decode_entry
from packseal.records.estimate_words import LACKING
from packseal.records.note import LogCheckpoint, sign_log_checkpoint
from packseal.records.policy import Policy
from packseal.records.verify import verify_bundle
from tests.attacks.mutations import changed_bytes, changed_value, mutated
from tests.line.rig import tool
from tests.vectors.scenes import Scene, policies, scene, with_estimates
from tests.vectors.world import BOARD_NEXT, GATEWAY, INTEGRATOR, ORIGIN, SERVICE, Actor, attestation_of

ROOT = Path(__file__).parents[2]
VERIFIER = ROOT / "gateway/packseal/apps/static/verify"
ASKER = Path(__file__).with_name("verifier.mjs")
MAX_NUMBER = (1 << 63) - 1
NUMBERS = (0, 1, 23, 24, 1024, 1025, 10_000, 1 << 24, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, MAX_NUMBER, 1 << 63)
RANDOM_ENTRIES, RANDOM_BUNDLES, RANDOM_SIGNED, RANDOM_NOTES = 3_000, 3_000, 400, 400
ACTS = policies()["acts"]
LOGS = {name: with_estimates().logs[name] for name in ("example", "estimates")}

Answer = dict[str, Any]


def vectors(name: str) -> Any:
    return json.loads((ROOT / "tests/vectors" / name).read_text())


BUNDLES = vectors("bundles.json")
GOOD = {row["name"]: row for row in BUNDLES["good"]}


def ask(questions: Sequence[tuple[Any, ...]]) -> list[Answer]:
    command = [tool("node"), str(ASKER), str(VERIFIER)]
    done = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    answers: list[Answer] = json.loads(done.stdout)
    assert len(answers) == len(questions)
    return answers


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


def numbered(value: Any) -> Any:
    """JSON with its numbers as text."""
    if isinstance(value, dict):
        return {name: numbered(item) for name, item in value.items()}
    return [numbered(item) for item in value] if isinstance(value, list) else plain(value)


def reason_of(check: Callable[..., object], *arguments: Any) -> str:
    """The reason the gateway refuses for; empty when it accepts."""
    try:
        check(*arguments)
    except EvidenceError as error:
        return str(error.reason)
    return ""


def reasons(answers: list[Answer]) -> list[str]:
    return [answer.get("reason", "") for answer in answers]


def assert_agreement(contents: Sequence[bytes], policy: Policy = ACTS) -> set[str]:
    expected = [reason_of(verify_bundle, content, policy) for content in contents]
    found = ask([("bundle", content.hex(), policy.to_json()) for content in contents])
    rows = zip(contents, expected, found, strict=True)
    differences = [(c.hex(), e, f) for c, e, f in rows if e != f.get("reason", "")]
    assert not differences, (len(differences), differences[:2])
    return set(reasons(found))


def ask_rows(rows: list[Any]) -> list[Answer]:
    return ask([("bundle", row["bundle"], BUNDLES["policies"][row["policy"]]) for row in rows])


def test_good_bundles_say_the_same() -> None:
    rows = BUNDLES["good"]
    for row, answer in zip(rows, ask_rows(rows), strict=True):
        assert expectation(answer["good"]) == numbered(row["expect"]), row["name"]


def expectation(good: Any) -> Any:
    """What the corpus says of a good bundle, out of what the browser's verifier says."""
    attestation = good["attestation"]
    return {
        "battery": good["battery"],
        "evidence_class": good["evidenceClass"],
        "bound_by": good["boundByRole"],
        "log_id": good["logId"],
        "key": good["publicKey"],
        "seq": good["seq"],
        "type": good["type"],
        "shown": _shown(good["shown"]),
        "size": good["size"],
        "service": good["service"],
        "service_index": good["serviceIndex"],
        "witnesses": good["witnesses"],
        "acts": good["acts"],
        "not_before_unix_ms": good["notBeforeUnixMs"],
        "not_after_unix_ms": good["notAfterUnixMs"],
        "attested_by": attestation["by"] if attestation else None,
    }


def _shown(shown: Any) -> Any:
    return shown and {
        "fields": {name: value for name, value in shown["values"].items() if value is not None},
        "cells": dict(shown["cells"]["map"]),
        "at_least_cpct": shown["atLeastCpct"],
        "at_most_cpct": shown["atMostCpct"],
    }


def test_bad_bundles_are_refused_with_their_reason() -> None:
    rows = BUNDLES["bad"]
    found = dict(zip((row["name"] for row in rows), reasons(ask_rows(rows)), strict=True))
    assert found == {row["name"]: row["reason"] for row in rows}


@pytest.mark.parametrize("name", ["everything, a band shown", "two changes of key"])
def test_flipped_bits_and_truncations(name: str) -> None:
    content, policy = bytes.fromhex(GOOD[name]["bundle"]), policies()["two witnesses"]  # each line of the note counts
    flipped = []
    for at in range(0, len(content), 3):
        flipped.append(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
    assert "" not in assert_agreement(flipped, policy)
    assert assert_agreement([content[:end] for end in range(0, len(content), 23)], policy) == {"malformed"}


def test_bundles_changed_at_random() -> None:
    chance = random.Random(3)
    good = [bytes.fromhex(row["bundle"]) for row in BUNDLES["good"] if row["policy"] == "acts"]
    found = assert_agreement([mutated(chance.choice(good), good, chance) for _ in range(RANDOM_BUNDLES)])
    assert found >= {"", "malformed", "bad-disclosure", "bad-inclusion-proof", "bad-signature", "unknown-log"}


# ---- odd contents that are signed all the same


def changed_payload(message: bytes, by: Actor, purpose: str, chance: random.Random, kid: bytes | None = None) -> bytes:
    payload = unverified_payload(message)
    content = (changed_value if chance.random() < 0.9 else changed_bytes)(payload, [payload], chance)
    return sign1(content, f"packseal/{purpose}/1", by.sign, kid, by.key.algorithm)


def signed_anew(part: str, chance: random.Random) -> bytes:
    """The bundle that holds everything, one part of it changed and then signed by who should sign it.

    A receipt or an act that was changed stands in nobody's log: every step before that is taken.
    """
    made = scene()
    if part == "attestation":
        return attested_anew(made, chance)
    whole: Any = decode(made.full().to_bytes())
    if part == "act":
        whole[9][0][0] = changed_payload(whole[9][0][0], INTEGRATOR, part, chance, INTEGRATOR.key.kid)
    elif part == "receipt":
        whole[6] = changed_payload(whole[6], SERVICE, part, chance, SERVICE.key.kid)
    else:
        whole[5] = changed_payload(whole[5], BOARD_NEXT, part, chance)
    return encode(whole)


def attested_anew(made: Scene, chance: random.Random) -> bytes:
    log = made.logs["example"]
    content = changed_payload(attestation_of(log, log.size, GATEWAY), GATEWAY, "attestation", chance, GATEWAY.key.kid)
    made.receipt("example", "example", attestation_digest=attestation_digest(content))
    return made.full(attestation=content).to_bytes()


@pytest.mark.parametrize("part", ["checkpoint", "receipt", "act", "attestation"])
def test_odd_contents_that_are_signed(part: str) -> None:
    chance = random.Random(4)
    found = assert_agreement([signed_anew(part, chance) for _ in range(RANDOM_SIGNED)])
    assert found >= {"malformed", "unknown-version"}


def test_odd_notes_that_are_signed() -> None:
    chance, made = random.Random(5), scene()
    whole: Any = decode(made.full().to_bytes())
    contents = [encode([*whole[:7], note, *whole[8:]]) for note in odd_notes(whole[7], chance, SERVICE.sign)]
    assert assert_agreement(contents, policies()["no witness"]) >= {"malformed", "bad-signature", "bad-inclusion-proof"}


def odd_notes(good: bytes, chance: random.Random, sign: Sign) -> Iterator[bytes]:
    """Changed in its lines, or in its text and signed for that; `SPOTS` are what readers of text disagree about."""
    text, lines = good.decode().split("\n\n")
    head = LogCheckpoint(ORIGIN, 1, bytes(32))
    for _ in range(RANDOM_NOTES):
        changed = _spotted(text, chance)
        own = sign_log_checkpoint(head, sign, SERVICE.public_key).decode().split("\n\n")[1]
        key = base64.b64decode(own.split(" ")[2])[:4]
        signature = base64.b64encode(key + sign((changed + "\n").encode())).decode()
        name = changed.split("\n")[0]
        yield f"{changed}\n\n\u2014 {name} {signature}\n".encode()
        yield f"{text}\n\n{_spotted(lines, chance)}".encode()


SPOTS = tuple(" +\n\r\t\x00\x7f\x85\xa0\u1680\u180e\u200b\u2028\ufeff=0\u0665é")


def _spotted(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(SPOTS) + text[at + chance.randrange(2) :]


# ---- the parts


def odd_policies() -> list[Any]:
    """A good one, and what it is with one thing in it changed."""
    log, service = {"battery": "b", "evidence_class": "D"}, {"origin": ORIGIN, "public_key": "33" * 32}
    revoked = {"public_key": "11" * 64, "index": 5, "service": SERVICE.public_key.hex()}
    good: dict[str, Any] = ACTS.to_json() | {"logs": {"00" * 16: log}, "revoked": [revoked]}
    odd: list[Any] = [good, {"services": []}, {}, [], None, good | {"more": 1}]
    two = good | {"services": [*good["services"], service]}
    odd += [two, two | {"services": two["services"][1:]}]
    for of in (revoked | {"service": "33" * 32}, revoked | {"index": 1 << 53}, {"public_key": "11" * 64, "index": 5}):
        odd += [one | {"revoked": [of]} for one in (good, two)]
    odd += [good | {"witnesses": [good["witnesses"][0], {"name": "WITNESS.example/1", "public_key": "33" * 32}]}]
    odd += [good | {"logs": {"AB" * 16: log}}]
    for name, item in good.items():
        first = next(iter(item.values() if isinstance(item, dict) else item)) if name != "witnesses_needed" else item
        odd += [good | {name: value} for value in (None, 1, -1, "x", [None], {"x": 1}, [first], [first, first])]
        for key in (*first, "more") if isinstance(first, dict) else ():
            values = [None, 3, -1, "", "zz", "a b", "\ufeff", "a\u2028", "\ud800", ["D"], "-19", True, "AB" * 32, "é"]
            changed = [first | {key: value} for value in values]
            changed.append({name: value for name, value in first.items() if name != key})
            odd += [good | {name: {"00" * 16: one} if name == "logs" else [one]} for one in changed]
    return odd


def test_policies_are_read_alike() -> None:
    odd = odd_policies()
    found = ask([("policy", policy) for policy in odd])
    differences = [(p, f) for p, f in zip(odd, found, strict=True) if ("reason" not in f) != _is_policy(p)]
    assert not differences, differences[0]


def _is_policy(content: Any, read: Callable[[Any], Policy] = Policy.from_json) -> bool:
    try:
        read(content)
    except ValueError:
        return False
    return True


def odd_policy_files() -> Iterator[str]:
    good = json.dumps(ACTS.to_json() | {"revoked": [{"public_key": "11" * 32, "index": 5}]})
    yield from (good, f" {good}\n", f"\ufeff{good}", good[:-1], f"{good},", good.replace('"', "'"), "", "[" * 100_000)
    yield from (good.replace(": 5", f": {number}") for number in ("5.0", "5e0", "-0", "05", "NaN", "9" * 5_000, "5]"))
    yield good.replace('"index": 5', '"index": 5, "index": 5')
    yield good.replace('"index": 5', '"index": 5, "inde\\u0078": 6')
    yield good.replace('"index": 5', '"index"\n: 5, "__proto__" : 1')
    yield good[:-1] + ', "logs": {}}'
    yield good.replace("witness.example/1", 'a\\"b:1.5e3,{')
    yield good.replace("witness.example/1", "a\\ud83d\\ude00b")
    yield good.replace("witness.example/1", "a\\ud83d")


def test_policy_files_are_read_alike() -> None:
    contents = [text.encode() for text in odd_policy_files()]
    contents += [contents[0].replace(b"witness.example/1", b"\xff"), contents[0].decode().encode("utf-16")]
    found = ask([("policyFile", content.hex()) for content in contents])
    expected = [_is_policy(content, Policy.from_bytes) for content in contents]
    assert ["reason" not in answer for answer in found] == expected
    assert expected.count(True) == 5


def test_cbor_accepted_means_the_same() -> None:
    contents = vectors("cbor.json")["accepted"]
    answers = ask([("cbor", content) for content in contents])
    assert [answer["good"] for answer in answers] == [plain(decode(bytes.fromhex(content))) for content in contents]
    untagged = [content for content in contents if not content.startswith("d2")]
    assert [answer["good"] for answer in ask([("again", content) for content in untagged])] == untagged


def test_cbor_refused() -> None:
    refused = vectors("cbor.json")["refused"]
    assert set(reasons(ask([("cbor", content) for content in refused.values()]))) == {"malformed"}


def test_cbor_of_others(shared: Path) -> None:
    files = ("cbor-appendix-a/appendix_a.json", "hostile/cbor-hostile.json")
    contents = [case["hex"] for name in files for case in json.loads((shared / "vectors" / name).read_text())]
    expected = [reason_of(decode, bytes.fromhex(content)) for content in contents]
    assert reasons(ask([("cbor", content) for content in contents])) == expected


def test_entries_columns_and_blinding() -> None:
    bad, columns = vectors("entries_bad.json"), vectors("columns.json")
    logs = LOGS.values()
    blinded = [
        (content, log.record_seed(seq)) for log in logs for seq, content in enumerate(log.entries) if log.blinded(seq)
    ]
    answers = ask([("blinded", content.hex(), seed.hex()) for content, seed in blinded])
    assert [answer["good"] for answer in answers] == [OpenRecord.of(*parts).blinded().hex() for parts in blinded]
    assert set(reasons(ask([("entry", content.hex()) for log in logs for content in log.entries]))) == {""}
    assert set(reasons(ask([("entry", entry["entry"]) for entry in bad]))) == {"malformed"}
    answers = ask([("column", row["column"]) for row in columns])
    assert [answer["good"] for answer in answers] == [plain(row["values"]) for row in columns]


def test_columns_at_random() -> None:
    chance = random.Random(1)
    contents = [bytes(chance.choices((0, 1, 127, 128, 129, 255), k=chance.randrange(1, 12))) for _ in range(2_000)]
    for content, answer in zip(contents, ask([("column", content.hex()) for content in contents]), strict=True):
        if reason_of(decode_column, content):
            assert answer["reason"] == "malformed", content.hex()
        else:
            assert answer["good"] == plain(decode_column(content)), content.hex()


def _random_value(chance: random.Random, depth: int = 2) -> Value:
    number = chance.choice(NUMBERS)
    content = bytes(chance.choice((0, 16, 31, 32, 33, 64)))
    values: list[Value] = [None, number, -number, content, b"\x02\x04\x01", "text"]
    if depth:
        values += [[_random_value(chance, depth - 1) for _ in range(chance.randrange(7))] for _ in range(2)]
        values += [{number: _random_value(chance, depth - 1)}, Sign1([b"", {}, b"", bytes(64)])]
    return chance.choice(values)


def random_entries() -> Iterator[bytes]:
    """Entries of every kind, open and blinded, with one or two things changed to anything."""
    chance = random.Random(2)
    entries: list[Any] = []
    for log in LOGS.values():
        entries += [decode(content) for content in log.entries]
        entries += [decode(content) for seq in range(log.size) if (content := log.blinded(seq))]
    for _ in range(RANDOM_ENTRIES):
        *head, body = chance.choice(entries)
        if isinstance(body, dict):
            body = _changed_body(dict(body), chance)
        if chance.randrange(4) == 0:
            head[chance.randrange(4)] = _random_value(chance, 0)
        yield encode([*head, body if chance.randrange(20) else _random_value(chance)])


def _changed_body(body: dict[int, Value], chance: random.Random) -> dict[int, Value]:
    for _ in range(chance.randrange(3)):
        key = chance.choice((*body, *range(-1, 17)))
        body[key] = _random_value(chance)
        if chance.randrange(4) == 0:
            del body[key]
    return body


def test_entries_at_random() -> None:
    contents = list(random_entries())
    expected = [reason_of(decode_entry, content) for content in contents]
    assert reasons(ask([("entry", content.hex()) for content in contents])) == expected
    assert RANDOM_ENTRIES // 5 < expected.count("") < RANDOM_ENTRIES * 4 // 5, "both verdicts are tried"


def random_estimates() -> Iterator[bytes]:
    """With values of about the right kind under each of their keys, or none."""
    chance = random.Random(7)
    numbers = (-1, 0, 1, 2, 9, 255, 256, 1023, 1024, (1 << 24) - 1, 1 << 24, MAX_NUMBER, 1 << 63, -(1 << 63))

    def several(least: int, most: int) -> list[Value]:
        return [chance.choice(numbers) for _ in range(chance.randint(least, most))]

    def codes() -> list[Value]:
        found = sorted(chance.sample(range(256 + chance.randrange(2)), chance.randrange(4)))
        return list(reversed(found)) if chance.randrange(9) == 0 else list(found)

    for _ in range(RANDOM_ENTRIES):
        is_known, has_inputs = chance.randrange(2), chance.randrange(2)
        body: dict[int, Value] = {1: chance.randrange(1, 256), 2: 3}
        body |= {4: several(2, 2)} if is_known else {5: codes()}
        body |= {3: [2, 9], 8: 5} if has_inputs else {}
        more: dict[int, Value] = {1: chance.choice(numbers), 3: several(2, 2), 4: several(1, 3), 5: codes(), 8: 5}
        more |= {6: chance.choice(numbers), 7: several(2, 2), 9: several(3, 3), 10: several(2, 4)}
        for key in chance.sample(sorted(more), chance.choice((0, 0, 1, 1, 2))):
            body[key] = more[key]
        yield encode([10, 7, 1, 5, body])


def test_estimates_at_random() -> None:
    contents = list(random_estimates())
    expected = [reason_of(decode_entry, content) for content in contents]
    assert reasons(ask([("entry", content.hex()) for content in contents])) == expected
    assert RANDOM_ENTRIES // 5 < expected.count("") < RANDOM_ENTRIES * 4 // 5, "both verdicts are tried"


def is_accepted(case: Any) -> bool:
    key = VerifyingKey(bytes.fromhex(case["key"]), ED25519)
    return not reason_of(key.verify, case["msg"].encode(), bytes.fromhex(case["sig"]), "")


def test_edge_signatures_are_accepted_as_libsodium_does(shared: Path) -> None:
    cases = json.loads((shared / "vectors/cctv-ed25519/ed25519vectors.json").read_text())
    answers = ask([("signature", case["key"], case["msg"].encode().hex(), case["sig"]) for case in cases])
    assert [not reason for reason in reasons(answers)] == [is_accepted(case) for case in cases]
    assert (len(cases), reasons(answers).count("")) == (914, 43)


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


def test_a_report_says_by_whose_word_and_what_is_hidden() -> None:
    rows = [GOOD[name] for name in ("everything, a band shown", "bound by the policy")]
    answers = ask([("report", row["bundle"], BUNDLES["policies"][row["policy"]]) for row in rows])
    banded, listed = (answer["good"] for answer in answers)
    whose = [step["by"].split(" ")[0] for step in banded["checked"]]
    assert whose == ["key", "key", "passport", "passport", "witness", "witness", "integrator", "passport", "gateway"]
    assert banded["made"].endswith(": within 2 min")
    assert ["soh_capacity_cpct, at most", "9500"] in banded["values"]
    assert banded["notProven"][-1].startswith("the other values of this record")
    assert listed["made"].endswith("since when is not known")
    assert listed["checked"][-1]["by"] == "the policy that this check trusts"


def test_a_report_says_which_nonce_a_checkpoint_answers() -> None:
    row = GOOD["a checkpoint with a nonce and a counter"]
    (answer,) = ask([("report", row["bundle"], BUNDLES["policies"][row["policy"]])])
    steps = [step["what"] for step in answer["good"]["checked"]]
    assert steps[1] == f"its checkpoint answers nonce {'00' * 32}, so it was signed after that nonce was made"


def test_a_report_says_what_numbers_of_an_estimate_stand_for() -> None:
    names = (
        "an estimate",
        "an estimate of which is shown what it lacks",
        "an estimate of a quantity that version 1 does not know",
    )
    rows = [GOOD[name] for name in names]
    answers = ask([("report", row["bundle"], BUNDLES["policies"][row["policy"]]) for row in rows])
    known, lacking, unknown = (dict(answer["good"]["values"]) for answer in answers)
    assert (known["type"], known["quantity"], known["value"]) == ("ESTIMATE", "3 (energy_wh)", "4210, 55")
    assert known["method"].startswith("4 (capacity times")
    assert lacking["lacking"].startswith("1, 2, 9 (a rest of the pack, a wider span")
    assert (unknown["quantity"], unknown["lacking"]) == ("255", "200, 255")


def test_numbers_stand_for_the_same_as_in_python() -> None:
    text = (VERIFIER / "report.js").read_text()
    said = [*METHODS.values(), *(what for what, _ in LACKING.values())]
    assert [words for words in said if f'"{words}"' not in text] == []
