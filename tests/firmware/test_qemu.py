"""The firmware, unmodified, on an emulated Cortex-M3 and M4: its core, its log, its link to the gateway, its cost."""

from __future__ import annotations

import importlib
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import serial
from nacl.signing import SigningKey

from packseal.apps.board_tools import Firmware, update_package
from packseal.apps.collector import BoardCollector
from packseal.io.enrol import hello_of
from packseal.io.keys import Signer
from packseal.io.outbox_store import OutboxStore
from packseal.io.qemu_board import QemuBoard, QemuOptions
from packseal.io.qemu_build import MACHINES, firmware_files, rom_image
from packseal.io.raw_console import RawConsole
from packseal.io.settings import BoardTable
from packseal.io.unix_board import firmware_folder
from packseal.io.update_offer import UpdatePackage
from packseal.records.entries import genesis_key
from tests.firmware import test_codecs, test_crypto, test_logger, test_vectors
from tests.firmware.cortex_m import BENCHMARKS, FROZEN, ConsoleLog, CortexM, configured, emulated
from tests.firmware.test_with_gateway import SERVICE, Witness
from tests.line.rig import Rig
from tests.waiting import until

WAIT_S = 60
UPDATER = SigningKey(bytes(range(64, 96)))
NATIVE_SIGNER = "logger/native/packseal_ed25519_{}.mpy"


def config(**changes: Any) -> dict[str, Any]:
    return {
        "service_public_key": bytes(SERVICE.verify_key).hex(),
        "rated_capacity_mah": 10_000,
        "cell_blocks": 12,
        "strings": 2,
        "sample_ms": 100,
        "window_ms": 1_000,
        "checkpoint_every": 2,
        "time_every_ms": 600_000,
        "chemistry": "nmc",
        "source": "simulator",
        "simulator": {"origin_unix_ms": 0, "true_capacity_mah": 9_100, "seed": 1},
        **changes,
    }


@pytest.fixture(scope="module")
def cortex_m(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CortexM]:
    with powered(tmp_path_factory.mktemp("board"), "m3") as board:
        yield board


@contextmanager
def powered(folder: Path, machine_name: str) -> Iterator[CortexM]:
    board = emulated(folder, machine_name)
    try:
        board.start()
        yield CortexM(f"cortex-{machine_name}", (board.console,), board)
    finally:
        board.stop()


def asker(cortex_m: CortexM) -> test_vectors.Ask:
    def answers(file_name: str, question: str, given: object = None) -> Any:
        input_bytes = json.dumps(given).encode()
        return json.loads(cortex_m.run(test_vectors.SCRIPT, Path(file_name), question, input_bytes=input_bytes))

    return answers


# ---- the same tests of the core as on CPython and on the unix port


@pytest.mark.parametrize(
    "test",
    [
        test_vectors.test_cbor,
        test_vectors.test_columns,
        partial(test_vectors.test_leaf_root_and_edge_after_every_entry, file_name="log.json", log=test_vectors.LOG),
        partial(test_vectors.test_seeds_and_salts_of_blinded_entries, file_name="log.json", log=test_vectors.LOG),
        test_vectors.test_entries_are_made_again_from_what_they_say,
        test_vectors.test_checkpoints_are_signed_to_the_same_bytes,
        test_vectors.test_receipt_verifies_and_with_any_byte_changed_does_not,
        test_vectors.test_frames_both_ways,
    ],
)
def test_vectors_of_the_format(cortex_m: CortexM, test: Callable[..., None]) -> None:
    test(asker(cortex_m))


def test_codecs_refuse_truncated_and_hostile_input(cortex_m: CortexM, shared: Path) -> None:
    test_codecs.test_every_truncation_of_a_good_item_is_refused(cortex_m)
    test_codecs.test_appendix_a_and_hostile_input(cortex_m, shared)


def test_ed25519_of_rfc8032(cortex_m: CortexM, shared: Path) -> None:
    test_crypto.test_rfc8032_section_7_1(cortex_m, shared)


def check_signatures(cortex_m: CortexM) -> None:
    cases = list(test_crypto.random_cases(40))
    signed = test_crypto.ask(cortex_m, [("sign", *case[:3]) for case in cases])
    assert signed == [signature.hex() for *_, signature in cases]
    verdicts = test_crypto.ask(cortex_m, [("verify", *case[1:]) for case in cases[:20]])
    assert verdicts == ["good"] * 20
    forged = [("verify", public, message + b".", signature) for _, public, message, signature in cases[:20]]
    assert {verdict[:4] for verdict in test_crypto.ask(cortex_m, forged)} == {"bad:"}


def test_signatures_equal_libsodiums(cortex_m: CortexM) -> None:
    check_signatures(cortex_m)


def life_of(cortex_m: CortexM) -> test_logger.Life:
    def run(name: str) -> Any:
        return json.loads(cortex_m.evaluate(f"import json, logger_lives\nprint(json.dumps(logger_lives.{name}()))"))

    return run


def test_the_log_appends_fills_up_and_mounts_again(cortex_m: CortexM) -> None:
    """A gateway on the board checks every byte."""
    test_logger.test_restarts_go_on_where_the_log_ends(life_of(cortex_m))
    test_logger.test_a_start_with_a_full_log_is_told_when_there_is_room(life_of(cortex_m))


def test_the_same_on_a_cortex_m4(tmp_path: Path) -> None:
    with powered(tmp_path, "m4") as board:
        test_vectors.test_checkpoints_are_signed_to_the_same_bytes(asker(board))
        test_vectors.test_frames_both_ways(asker(board))
        check_signatures(board)


def test_the_native_signer_is_the_default(cortex_m: CortexM) -> None:
    found = cortex_m.evaluate("import sys\nfrom logger.core import ed25519\nprint('packseal' in ' '.join(sys.modules))")
    assert found == "True\n"


# ---- the board itself


def test_a_start_says_what_ended_the_life_before(tmp_path: Path) -> None:
    """Power, the reset pin, the program itself, its watchdog, and a fault of the processor: `FAULT` has no name."""
    expected = {"": "PWRON", "pin": "HARD", "machine.reset()": "SOFT", "machine.WDT(0, 50)": "WDT"}
    expected["machine.mem32[0xF0000000]"] = "FAULT"
    causes = []
    with powered(tmp_path, "m3") as cortex_m:
        for program in expected:
            if program == "pin":
                cortex_m.board.reset()
            elif program:
                with serial.Serial(cortex_m.board.console, timeout=WAIT_S) as console:
                    console.write(f"\x01import machine\n{program}\nwhile True:\n    pass\n\x04".encode())
                    console.read_until(b"OK")
                    assert console.read_until(b">>> ").endswith(b">>> "), "it did not start again"
            with RawConsole(cortex_m.board.console) as console:
                said = console.run("import machine\nprint(machine.reset_cause())")
                names = (
                    "import machine\nprint([n for n in dir(machine) if getattr(machine, n) == machine.reset_cause()])"
                )
                named = [name for name in ("PWRON", "HARD", "SOFT", "WDT") if name + "_RESET" in console.run(names)]
            causes.append((named or ["FAULT" if said == "6\n" else said])[0])
    assert causes == list(expected.values())


# ---- the whole firmware


def serve(board: QemuBoard, port: serial.Serial, witness: Witness, until: Callable[[], bool]) -> None:
    """Carries bytes between the board and the witness until something is so."""
    deadline = time.monotonic() + WAIT_S
    while not until():
        assert time.monotonic() < deadline, "the board does not go on"
        assert board.is_running()
        answer = witness.receive(port.read(port.in_waiting or 1))
        if answer:
            port.write(answer)


def test_power_goes_while_the_flash_is_written(tmp_path: Path) -> None:
    """12 times in the middle of a word or of a sector, at random, by the reset pin or by the supply. One gateway sees
    all of it: no number is used twice, nothing that was acknowledged is gone, every root is the one that was signed."""
    generator, cuts, witness = random.Random(7), 12, Witness()
    board = configured(tmp_path, "m3", config(sample_ms=500), skips_idle_time=True, word_us=50, erase_us=5_000)
    console = ConsoleLog(board.console)
    with serial.Serial(board.port, 115_200, timeout=0.01) as port:
        board.start()
        for cut in range(cuts):
            serve(board, port, witness, lambda cut=cut: bool(witness.logs) and witness.logs[-1].boot > cut)  # type: ignore[misc]
            wanted = witness.logs[-1].size + generator.randrange(6)
            serve(board, port, witness, lambda wanted=wanted: witness.logs[-1].size >= wanted)  # type: ignore[misc]
            while not board.is_flash_busy():
                pass
            if cut % 4 == 3:
                board.cut_power()
                board.start()
            else:
                board.reset()
        serve(board, port, witness, lambda: witness.logs[-1].boot > cuts)
    board.stop()
    said = console.close()
    assert "Traceback" not in said, said
    assert len(witness.logs) == 1
    assert witness.logs[-1].boot == cuts + 1


def test_line_to_the_passport_service_and_back(tmp_path: Path) -> None:
    """Gateway, broker and service as on a site, a board with 96 kB of heap; it is reset once, and its log goes on."""
    rig = Rig(tmp_path)
    rig.board.stop()
    board = configured(tmp_path / "cortex", "m3", config(service_public_key=rig.service_key.hex()))
    rig.board = board  # type: ignore[assignment]  # the same methods
    console = ConsoleLog(board.console)
    try:
        rig.start()
        rig.wait_for(lambda: rig.stored_size() >= 6, "the first windows")
        board.reset()
        rig.wait_for(lambda: b"receipt" in b"".join(m.kind.encode() for m in rig.heard), "a receipt")
        before = rig.stored_size()
        rig.wait_for(lambda: rig.stored_size() >= before + 4, "windows after the reset")
        assert len(rig.stored_records()) >= before + 4
    finally:
        rig.stop()
        said = console.close()
    assert "Traceback" not in said, said


def test_an_update_comes_over_the_link_at_ten_samples_a_second_and_none_is_missed(tmp_path: Path) -> None:
    """With MicroPython's littlefs, in time that passes by instructions."""
    files = {f"logger/core/f{number:02}.mpy": bytes([number]) * 97 * number for number in range(1, 17)}
    content = update_package(Firmware("qemu", (0, 2, 0), files, {}), Signer(UPDATER))
    board = slotted(tmp_path / "cortex", config(update_public_key=bytes(UPDATER.verify_key).hex()))
    console, store = ConsoleLog(board.console), OutboxStore(tmp_path / "outbox.db")
    try:
        board.start()
        key = genesis_key(hello_of(board.port, timeout_s=WAIT_S).genesis).public_key
        table = BoardTable.model_validate({"battery": "pack-1", "port": board.port, "public_key": key.hex()})
        collector = BoardCollector(table, store, lambda *_, **_more: None, UpdatePackage.parse(content))
        collector.start()
        until(lambda: "has taken it" in collector.state.update, "the whole package")
        collector.stop()
    finally:
        board.stop()
        store.close()
        said = console.close()
    assert (collector.state.slots_missed, collector.state.size > 0) == (0, True)
    assert "Traceback" not in said, said


def slotted(folder: Path, settings: dict[str, Any]) -> QemuBoard:
    """A board that is off, whose firmware is frozen, and in whose slot is what starts the main.py in its ROM."""
    board = emulated(folder, "m3", FROZEN)
    start = "import sys\nsys.path.append('/rom')\nimport firmware\nstart = firmware.start\n"
    board.start()
    with RawConsole(board.console) as console:
        for path, text in (("a/main.py", start), ("config.json", json.dumps(settings))):
            console.run(f"from files import Files\nwith Files('/flash').create({path!r}) as f:\n f.write({text!r})\n")
    board.cut_power()
    board.options = QemuOptions(is_frozen=True, counts_instructions=True)
    machine, main = MACHINES["m3"], {"firmware.py": firmware_folder() / "main.py"}
    board.load(rom_image(machine, firmware_files(machine, is_frozen=True) | main))
    return board


# ---- what it costs


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    emulated(tmp_path / "probe", "m3").stop()  # skips where there is none
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("bench_cortex_m")


@pytest.mark.parametrize("machine_name", ["m3", "m4"])
def test_instruction_counts_have_not_grown(bench: Any, machine_name: str) -> None:
    """By more than a tenth over benchmarks/cortex_m.json. `make bench-cortex-m RECORD=--record` accepts a growth."""
    figures = bench.instruction_figures(machine_name, bench.image(machine_name))
    assert set(figures) <= set(bench.recorded()[machine_name])
    assert not bench.grown(figures, bench.recorded()[machine_name])


def test_signatures_keep_their_budget() -> None:
    """What was recorded is what the test above holds the code to."""
    figures = json.loads((BENCHMARKS / "cortex_m.json").read_text())["m3"]
    assert figures["sign"] <= 1_500_000
    assert figures["verify"] <= 4_000_000


def test_the_firmware_works_in_a_heap_of_96_kb(bench: Any) -> None:
    """With signer, link, estimator, and receipts for windows; the code is frozen, as such boards want it."""
    figures = bench.heap_figures("m3", bench.image("m3", is_frozen=True), "frozen", bench.BUDGET_BYTES)
    assert figures["receipted"] >= figures["size"] - 2 > 8
    assert figures["receipts_refused"] == 0
    assert figures["peak"] < figures["health_peak"] <= bench.BUDGET_BYTES
