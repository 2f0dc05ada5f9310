"""Which piece of an update a gateway sends when, and what it makes of a board's answers."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from packseal.apps.board_tools import Firmware, update_package
from packseal.apps.gateway_files import offered_updates
from packseal.errors import ConfigError
from packseal.io.keys import Signer
from packseal.io.link import UpdateState, UpdateStep
from packseal.io.settings import GatewaySettings
from packseal.io.settings_file import load_settings
from packseal.io.update_offer import (
    ANSWER_MS,
    MAX_ANSWER_MS,
    PIECE_BYTES,
    QUESTION,
    RETRY_MS,
    UpdateOffer,
    UpdatePackage,
    load_update,
)
from tests.apps.command import packseal

FIRMWARE = Firmware("rp2", (1, 2, 3), {"main.mpy": bytes(range(250)) * 6}, {})
CONTENT = update_package(FIRMWARE, Signer(SigningKey(bytes(32))))
HASH, OTHER = FIRMWARE.firmware_hash, bytes(range(32))
FIRST = (0, CONTENT[:PIECE_BYTES])


def package() -> UpdatePackage:
    parsed = UpdatePackage.parse(CONTENT)
    assert parsed
    return parsed


def asked() -> UpdateOffer:
    """An offer that has asked at time 0."""
    offer = UpdateOffer(package())
    offer.greeted(0)
    assert offer.due(0) == QUESTION
    return offer


def taking(wanted: int, offered: bytes | None = HASH) -> UpdateState:
    return UpdateState(wanted, UpdateStep.TAKING, OTHER, offered)


def test_a_package_says_what_it_is() -> None:
    parsed = package()
    assert (parsed.board, parsed.version, parsed.firmware_hash) == ("rp2", (1, 2, 3), HASH)
    assert str(parsed) == "update 1.2.3 for rp2"


@pytest.mark.parametrize("length", [0, 1, 2, 50, 200, len(CONTENT) - 1])
def test_a_package_that_was_cut_is_none(length: int) -> None:
    assert UpdatePackage.parse(CONTENT[:length]) is None


@given(st.binary(max_size=300))
def test_any_other_bytes_are_no_package(content: bytes) -> None:
    assert UpdatePackage.parse(content) is None


def test_nothing_is_said_before_the_board_has_said_hello() -> None:
    assert UpdateOffer(package()).due(0) is None


def test_an_answer_brings_the_next_piece_and_one_that_is_lost_is_asked_for() -> None:
    offer = asked()
    offer.heard(taking(0, None), 10)
    assert offer.due(10) == FIRST
    assert offer.due(ANSWER_MS) is None
    assert offer.due(10 + ANSWER_MS) == QUESTION
    offer.heard(taking(0, None), 20 + ANSWER_MS)
    assert offer.due(20 + ANSWER_MS) == FIRST
    offer.heard(taking(PIECE_BYTES), 30 + ANSWER_MS)
    assert offer.due(30 + ANSWER_MS) == package().piece(PIECE_BYTES)
    assert "30 % taken" in offer.words


def test_answers_that_crossed_do_not_bring_a_piece_twice() -> None:
    offer = asked()
    sent = []
    for now_ms in (1, 2):
        offer.heard(taking(0, None), now_ms)
        sent.append(offer.due(now_ms))
    assert sent == [FIRST, None]


def test_a_board_that_does_not_answer_is_asked_less_and_less_often() -> None:
    offer = asked()
    times = [now_ms for now_ms in range(1, 10 * MAX_ANSWER_MS, 1000) if offer.due(now_ms)]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[0] == 2 * ANSWER_MS
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_ANSWER_MS


@pytest.mark.parametrize(
    "state", [taking(5, OTHER), taking(5, None), UpdateState(0, UpdateStep.NOT_NOW, OTHER, None)], ids=str
)
def test_what_another_gateway_does_and_a_board_on_trial_are_waited_for(state: UpdateState) -> None:
    offer = asked()
    offer.heard(state, 10)
    assert offer.due(9 + RETRY_MS) is None
    assert offer.due(10 + RETRY_MS) == FIRST
    assert not offer.failure


@pytest.mark.parametrize("step", [UpdateStep.BAD_SIGNATURE, UpdateStep.NOT_NEWER])
def test_what_was_refused_to_somebody_else_says_nothing_of_this_one(step: UpdateStep) -> None:
    offer = asked()
    offer.heard(UpdateState(0, step, OTHER, None if step is UpdateStep.BAD_SIGNATURE else OTHER), 10)
    assert offer.due(10) == FIRST
    offer.heard(UpdateState(0, step, OTHER, None if step is UpdateStep.BAD_SIGNATURE else HASH), 20)
    assert offer.failure.startswith("refused_")
    assert "offered again when this gateway starts" in offer.words
    offer.greeted(30)
    assert offer.due(1 << 40) is None


def test_a_reason_that_this_version_does_not_know_is_a_refusal() -> None:
    offer = asked()
    offer.heard(UpdateState(0, 99, OTHER, HASH), 10)
    assert offer.failure == "refused_unknown"


def test_what_runs_is_not_offered_and_is_asked_about_again_after_a_start() -> None:
    """It may be on trial, and come to nothing."""
    offer = asked()
    offer.heard(UpdateState(0, UpdateStep.READY, OTHER, HASH), 10)
    offer.greeted(20)
    assert offer.due(20) == QUESTION
    offer.heard(UpdateState(0, UpdateStep.TAKING, HASH, None), 30)
    assert (offer.due(1 << 40), offer.taken_bytes) == (None, len(CONTENT))
    offer.greeted(40)
    assert offer.due(40) == QUESTION
    offer.heard(taking(0, None), 50)
    assert (offer.due(1 << 40), offer.failure) == (None, "went-back")


numbers = st.integers(0, 1 << 63)
hashes = st.sampled_from([HASH, OTHER, None]) | st.binary(max_size=40)
states = st.builds(UpdateState, st.integers(0, len(CONTENT)) | numbers, st.integers(0, 10) | numbers, hashes, hashes)


@given(st.lists(st.tuples(states, st.integers(0, 100_000)), max_size=30))
def test_whatever_a_board_says_it_gets_pieces_of_the_package_alone(said: list[tuple[UpdateState, int]]) -> None:
    offer, now_ms = asked(), 0
    for state, pause_ms in said:
        now_ms += pause_ms
        offer.heard(state, now_ms)
        piece = offer.due(now_ms)
        assert piece is None or piece in (QUESTION, package().piece(piece[0]))
        assert offer.due(now_ms) is None, "one at a time"


# --- the setting


def settings(folder: Path, content: bytes | None) -> Path:
    path = folder / "gateway.toml"
    path.write_text(
        f'site = "north"\nbroker = "mqtt://127.0.0.1:9"\noutbox = "outbox.db"\nservice_public_key = "{"11" * 32}"\n'
        f'[[board]]\nbattery = "pack"\nport = "/dev/none"\npublic_key = "{"22" * 32}"\n'
        + ("" if content is None else 'update = "update.bin"\n')
    )
    (folder / "update.bin").write_bytes(content or b"")
    return path


def test_nothing_is_offered_that_the_settings_do_not_name(tmp_path: Path) -> None:
    assert offered_updates(load_settings(settings(tmp_path, None), GatewaySettings)) == {}
    named = offered_updates(load_settings(settings(tmp_path, CONTENT), GatewaySettings))
    assert named == {"/dev/none": package()}


def test_a_file_that_is_no_package_is_named_with_its_cure_before_anything_starts(tmp_path: Path) -> None:
    ran = packseal("gateway", "check", settings(tmp_path, CONTENT[:-1]))
    assert ran.code == 2
    assert "update.bin: not a whole update package; `packseal board update … --out" in ran.err
    with pytest.raises(ConfigError, match="cannot be read"):
        load_update(tmp_path / "absent.bin")
