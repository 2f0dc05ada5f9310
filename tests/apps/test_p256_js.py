"""The browser's verification of P-256, run by Node: the same verdict in the same words as the gateway's."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.line.rig import tool
from tests.records.p256_signer import SecureElement
from tests.records.test_p256 import ACCEPTED, GOOD, REFUSED, Case, flipped, refusal, signed_by

VERIFIER = Path(__file__).parents[2] / "gateway/packseal/apps/static/verify"
ASKER = Path(__file__).with_name("p256.mjs")


def ask(cases: Iterable[Case], *refused_key: str) -> list[dict[str, str]]:
    questions = [[part.hex() for part in case] for case in cases]
    command = [tool("node"), str(ASKER), str(VERIFIER), *refused_key]
    done = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    answers: list[dict[str, str]] = json.loads(done.stdout)
    assert len(answers) == len(questions)
    return answers


def expected(case: Case) -> dict[str, str]:
    detail = refusal(case)
    return {"reason": "bad-signature", "detail": detail} if detail else {}


def test_every_case_is_answered_alike() -> None:
    cases = ACCEPTED | REFUSED
    found = dict(zip(cases, ask(cases.values()), strict=True))
    assert found == {name: expected(case) for name, case in cases.items()}


def test_every_flipped_bit_is_refused_alike() -> None:
    cases = flipped()
    answers = ask(cases)
    assert {} not in answers
    assert answers == [expected(case) for case in cases]


def test_random_signatures_are_accepted() -> None:
    chance, cases = random.Random(1), []
    for _ in range(100):
        cases.append(signed_by(SecureElement(chance.randbytes(32)), chance.randbytes(chance.randrange(200))))
    assert ask(cases) == [{}] * len(cases)


def test_a_key_that_the_browser_refuses_did_not_sign() -> None:
    (answer,) = ask([GOOD], GOOD.public_key.hex())
    assert (answer["reason"], answer["detail"].split(": ")[1]) == ("bad-signature", "did not sign this")


def test_a_browser_without_the_algorithm_says_nothing_of_the_signature() -> None:
    assert ask([GOOD, REFUSED["high s"]], "") == [{"error": "DataError"}, expected(REFUSED["high s"])]
