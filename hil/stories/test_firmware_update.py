"""A firmware update, while somebody pulls the plug again and again.

A package comes over the gateway to a board with two slots, and the power is cut while it is taken and once more in its
first minutes. The new firmware runs and proves itself; a package that was spoilt on its way is turned away; and the log
tells all of it without a record missing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from packseal.apps.board_tools import update_package
from packseal.io.enrol import possession_of
from packseal.io.keys import Signer
from packseal.records.bodies import Boot, Event
from packseal.records.checkpoint import SALT_BYTES
from packseal_hil.bench import Bench, BenchParts, Pack
from packseal_hil.bms.jbd import JbdBoard
from packseal_hil.bms.serial_bms import JbdOnPort
from packseal_hil.drivers.open import Devices
from packseal_hil.on_bench import OnBench
from packseal_hil.opening import OpenBench
from packseal_hil.pack_setup import PackSetup
from packseal_hil.plugin import ON_BENCH
from packseal_hil.recording import NoJournal
from packseal_hil.rig import Rig
from packseal_hil.services import BenchGateway, BenchPassport, Enrolment, Services
from packseal_hil.targets.two_slots import TwoSlotTarget, slot_firmware

UPDATER = Signer(SigningKey(bytes(range(32))))  # of this bench alone
OLD = slot_firmware("the old one", (0, 1, 0))
SPOILT = slot_firmware("one that is spoilt on its way", (0, 2, 9))
NEW = slot_firmware("the new one", (0, 2, 0), least_bytes=40_000)  # some seconds: there is time to pull the plug
UPDATE, PROVEN = 8, 1  # docs/record.md, EVENT
CUT_AT = (0.1, 0.4, 0.7)  # of the package
WAIT_S = 60.0


@pytest.mark.target("unix")  # a board with two slots is made for it; see packseal_hil.targets.two_slots
@pytest.mark.duration(seconds=35)
@pytest.mark.explained("refused", "gateway")  # the spoilt package
@pytest.mark.explained("restarted")  # an update restarts its board
@pytest.mark.explained("bms", "line")  # what was being said when the plug was pulled
@pytest.mark.pack(series_blocks=8, sample_ms=2_000, window_ms=10_000, checkpoint_every=1, clock_rate=5)
def test_a_board_is_updated_while_its_power_comes_and_goes(
    pack: Pack, board: TwoSlotTarget, gateway: BenchGateway, passport: BenchPassport, services: Services
) -> None:
    pack.rest(hours=30 / 3600)
    offer(services, update_package(NEW, UPDATER))
    for share in CUT_AT:
        the_plug_is_pulled_while_it_is_taken(pack, board, gateway, share)
    the_plug_is_pulled_in_its_first_minutes(pack, board)
    the_new_firmware_proves_itself(pack, board, passport)
    a_spoilt_package_is_turned_away(pack, board, services)
    the_log_tells_it_without_a_gap(passport, board)


def offer(services: Services, package: bytes) -> None:
    """As somebody at the site does: into a file that the gateway's settings name."""
    (services.folder / "update.bin").write_bytes(package)
    settings = services.folder / "gateway.toml"
    if "update" not in settings.read_text():
        settings.write_text(settings.read_text() + 'update = "update.bin"\n')  # of its last table, which is [[board]]
    services.gateway.stop()
    services.gateway.start()


def the_plug_is_pulled_while_it_is_taken(pack: Pack, board: TwoSlotTarget, gateway: BenchGateway, share: float) -> None:
    words = f"not {share:.0%} of the update were taken"
    pack.wait_for(lambda: taken(gateway) >= share, WAIT_S, words)
    assert board.trial_slot == "", "it is whole already"
    board.cut_power()
    board.power_on()


def taken(gateway: BenchGateway) -> float:
    status = gateway.board()
    return float(status["update_taken_bytes"]) / max(int(status["update_bytes"]), 1)


def the_plug_is_pulled_in_its_first_minutes(pack: Pack, board: TwoSlotTarget) -> None:
    """One failed start of the three that a trial has."""
    lives = board.lives
    pack.wait_for(lambda: board.trial_slot == "b" and board.lives > lives, WAIT_S, "the new firmware is not started")
    board.cut_power()
    board.power_on()


def the_new_firmware_proves_itself(pack: Pack, board: TwoSlotTarget, passport: BenchPassport) -> None:
    pack.wait_for(lambda: board.good_slot == "b", WAIT_S, "the new firmware does not prove itself")
    pack.wait_for(lambda: PROVEN in outcomes(passport), WAIT_S, "the log does not say so")


def a_spoilt_package_is_turned_away(pack: Pack, board: TwoSlotTarget, services: Services) -> None:
    offer(services, update_package(SPOILT, UPDATER)[:-2] + b"X\n")
    words = "a file in it is not as signed"
    pack.wait_for(lambda: any(words in one for one in services.gateway.problems()), WAIT_S, "it is not turned away")
    assert (board.good_slot, board.trial_slot) == ("b", "")


def the_log_tells_it_without_a_gap(passport: BenchPassport, board: TwoSlotTarget) -> None:
    entries = passport.entries()
    assert [entry.seq for entry in entries] == list(range(len(entries)))
    boots = [entry.body for entry in entries if isinstance(entry.body, Boot)]
    assert (boots[0].firmware_hash, boots[-1].firmware_hash) == (OLD.firmware_hash, NEW.firmware_hash)
    assert len(boots) <= board.lives


def outcomes(passport: BenchPassport) -> list[int | None]:
    events = [entry.body for entry in passport.entries() if isinstance(entry.body, Event)]
    return [event.value for event in events if event.event == UPDATE]


# ---- the bench


@pytest.fixture
def services(bench: OpenBench) -> Services:
    return bench.services


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, pack_setup: PackSetup, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenBench]:
    """As the plug-in's, with a board of two slots."""
    with ExitStack() as opened:
        parts = opened_parts(pack_setup, tmp_path_factory.mktemp("bench"), opened)
        devices = opened.enter_context(Devices(Rig(), parts.target.bms_port))
        found = OpenBench(Bench(parts, request.node.name), parts.target, parts.services, devices, parts.journal)
        request.node.stash[ON_BENCH] = OnBench(found, None, "two slots")
        yield found


def opened_parts(setup: PackSetup, folder: Path, opened: ExitStack) -> BenchParts:
    target = TwoSlotTarget(folder / "board", OLD, setup.clock_rate)
    opened.callback(target.close)
    plant, bms = setup.plant(), JbdBoard(setup.rated_capacity_mah)
    cells = JbdOnPort(target.bms_port, bms, setup.cell_blocks)
    opened.callback(cells.close)
    cells.show(plant.reading())
    services = Services(folder / "services", setup)
    config = setup.board_config(services.service_public_key, len(plant.reading().temperature_ddegc))
    target.start(config | {"update_public_key": UPDATER.public_key.hex()})
    nonce = secrets.token_bytes(SALT_BYTES)
    hello, possession = possession_of(target.serial_port, nonce, is_running=target.is_on)
    opened.callback(services.stop)
    services.start(target.serial_port, Enrolment(hello.genesis, nonce, possession))
    return BenchParts(setup, plant, target, cells, services, {}, NoJournal())
