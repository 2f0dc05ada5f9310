"""A second life: a pack leaves its vehicle for a storage system, and its passport ends for a new one.

By the same acts and statements, at the same services, as on the day itself: the maker has a passport for the pack; the
board changes its key and seals its log; a new passport is created from the old one, with a map of its modules; the
board, bound to the new battery, goes on with a log that names the sealed one.
"""

from __future__ import annotations

import secrets
import time

import numpy as np
import pytest

from packseal.apps.authority import Signatory, order_for, submit
from packseal.apps.life_desk import LifeDesk, NewPassport
from packseal.errors import EvidenceError, Reason
from packseal.io.enrol import give_order, possession_of
from packseal.passport.life import Life
from packseal.records.acts import Role
from packseal.records.bodies import Key, Rotation, Seal
from packseal.records.checkpoint import SALT_BYTES
from packseal.records.entries import genesis_key
from packseal.records.statement_bodies import ModulePlace, Stage
from packseal_hil.opening import OpenBench
from packseal_hil.plant.duty import Duty
from packseal_hil.services import BATTERY, BenchPassport

STORE = "store-1"
WAIT_S = 60.0
HAND_OVER = 2  # docs/record.md, SEAL key 1
WORK = Duty("work", np.array([600.0, 600.0]), np.array([-0.3, 0.3]), np.array([25.0, 25.0]))


@pytest.mark.target("unix", "cortex-m")
@pytest.mark.duration(seconds=12)
# until it is bound nothing is taken from a key that nobody knows; windows that end while a log is sealed have no place
@pytest.mark.explained("refused", "gap")
@pytest.mark.pack(series_blocks=8, sample_ms=30_000, window_ms=300_000, checkpoint_every=1, clock_rate=200)
def test_a_pack_gets_a_second_life(bench: OpenBench, passport: BenchPassport) -> None:
    if bench.is_replayed:
        pytest.skip("orders need a board that answers; run it on a target")
    desk = LifeDesk(passport.url, bench.services.integrator)
    first = placed_on_the_market(desk)
    obeys_its_operator(bench)
    works(bench)
    no_second_passport_while_the_log_goes_on(desk, first)
    ordered(bench, "rotate")
    ordered(bench, "seal", HAND_OVER)
    second = repurposed(desk, first, passport)
    the_board_goes_on_for_the_new_battery(bench, passport)
    both_passports_name_each_other(passport, first, second)


def placed_on_the_market(desk: LifeDesk) -> bytes:
    first, _ = desk.create(NewPassport(BATTERY, "EV", "Pack on the bench"))
    desk.state(first, {"model_id": "PS-8"})
    desk.change_stage(first, Stage.ORIGINAL, "placed on the market", [])
    assert desk.document(first.hex())["life"]["stage"] == "original"
    return first


def obeys_its_operator(bench: OpenBench) -> None:
    """A board takes orders from the key in its configuration alone."""
    setup, sensors = bench.pack.setup, len(bench.pack.reading().temperature_ddegc)
    config = setup.board_config(bench.services.service_public_key, sensors)
    bench.board.start(config | {"operator_public_key": bench.services.integrator.public_key.hex()})


def works(bench: OpenBench) -> None:
    bench.pack.run(WORK, for_s=None if bench.board.clock_rate > 1 else 15.0)


def no_second_passport_while_the_log_goes_on(desk: LifeDesk, first: bytes) -> None:
    with pytest.raises(EvidenceError) as told:
        desk.create(second_life(first))
    assert told.value.reason is Reason.NOT_SEALED


def ordered(bench: OpenBench, order: str, cause: int = 0) -> None:
    """As with `packseal key order`, for which the gateway lets go of the port; then what came of it is delivered."""
    gateway, passport = bench.services.gateway, bench.services.passport
    signatory = Signatory(bench.services.integrator, time.time_ns() // 1_000_000)
    key = newest_key(passport)
    gateway.stop()
    done = give_order(bench.board.serial_port, lambda hello: order_for(signatory, hello, order, cause, key))
    assert isinstance(done.body, Seal if order == "seal" else Rotation)
    gateway.start()
    bench.pack.wait_for(lambda: has(passport, done.seq), WAIT_S, f"the order to {order} is not in the passport")


def newest_key(passport: BenchPassport) -> bytes:
    keys = [entry.body for entry in passport.entries() if isinstance(entry.body, Key | Rotation)]
    newest = keys[-1]
    return newest.key.public_key if isinstance(newest, Rotation) else newest.public_key


def has(passport: BenchPassport, seq: int) -> bool:
    return any(entry.seq == seq for entry in passport.entries())


def repurposed(desk: LifeDesk, first: bytes, passport: BenchPassport) -> bytes:
    sealed = passport.server.store.heads()[0]
    second, _ = desk.create(second_life(first))
    desk.change_stage(second, Stage.REPURPOSED, "for storage", [])
    life = life_of(passport, second)
    assert (life.stage, life.word, life.category) == (Stage.REPURPOSED, "repurposed", "SBESS")
    assert life.modules == (ModulePlace("M1", 0, "rack-2"),)
    assert [(one.log_id, one.size) for one in life.sealed] == [(sealed.log_id, sealed.size)]
    return second


def second_life(first: bytes) -> NewPassport:
    return NewPassport(STORE, "SBESS", "Store 1", (first,), modules=(("M1", first, "rack-2"),))


def the_board_goes_on_for_the_new_battery(bench: OpenBench, passport: BenchPassport) -> None:
    """With the key that it changed to, which is enrolled and bound as a new board's is."""
    (before,) = passport.server.store.heads()
    bench.services.gateway.stop()
    nonce = secrets.token_bytes(SALT_BYTES)
    hello, possession = possession_of(bench.board.serial_port, nonce, is_running=bench.board.is_on)
    opened = genesis_key(hello.genesis)
    signatory = Signatory(bench.services.integrator, time.time_ns() // 1_000_000)
    submit(passport.url, signatory.enrol(Role.BOARD, opened.verifying_key, nonce, possession))
    submit(passport.url, signatory.bind(opened.public_key, STORE, "B", secrets.token_bytes(SALT_BYTES)))
    bench.services.gateway.start()
    bench.pack.wait_for(lambda: len(passport.server.store.heads()) > 1, WAIT_S, "the new log does not come")
    assert opened.previous is not None
    assert (opened.previous.log_id, opened.previous.size) == (before.log_id, before.size)


def both_passports_name_each_other(passport: BenchPassport, first: bytes, second: bytes) -> None:
    assert life_of(passport, first).successors == (second,)
    assert [original.passport_id for original in life_of(passport, second).originals] == [first]


def life_of(passport: BenchPassport, passport_id: bytes) -> Life:
    life = passport.server.service.lives.life(passport_id)
    assert life is not None
    return life
