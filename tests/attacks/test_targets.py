"""Every parser of what came from somebody else has a target of the fuzzers, and every target takes its share of altered
bytes in each run: whatever they are, only our own errors come out (those of docs/parsers.md)."""

from __future__ import annotations

import gc
import random
import re
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from packseal.errors import PackSealError
from tests.attacks import inventory
from tests.attacks.fuzz import LEAST_SECONDS, SHARES, Room, rooms_in_turn
from tests.attacks.seeds import FOLDER, MAX_SEED_BYTES, kept, line
from tests.attacks.targets import ROOMS, targets_of
from tests.attacks.targets.target import Target
from tests.attacks.text_mutations import mutated_any

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def of_other_libraries(request: pytest.FixtureRequest) -> Iterator[None]:
    """What numpy, asammdf, pyarrow, zipfile and joserfc think of damaged files is theirs; asammdf leaves some open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
        if "logs" in request.node.name:
            gc.collect()


@pytest.mark.parametrize("room", ROOMS)
def test_good_bytes_are_taken(room: str) -> None:
    """Else the attacks on them would prove nothing."""
    for name, target in targets_of(room).items():
        assert target.goods, name
        for good in target.goods:
            target.parse(good)  # raises what it does not take


@pytest.mark.parametrize("room", ROOMS)
def test_altered_bytes_let_only_our_own_errors_out(room: str) -> None:
    for name, target in targets_of(room).items():
        chance = random.Random(name)
        seeds = (*target.goods, *kept(room).get(name, ()))
        for number in range(target.rounds):
            content = mutated_any(seeds[number % len(seeds)], seeds, chance)
            assert not escaped(room, name, target, content)


@pytest.mark.parametrize("room", ROOMS)
def test_what_once_broke_a_parser_does_not_again(room: str) -> None:
    for name, contents in kept(room).items():
        for content in contents:
            assert not escaped(room, name, targets_of(room)[name], content)


def escaped(room: str, name: str, target: Target, content: bytes) -> str:
    """The line to keep of it and where it broke, where another error comes out than those that are promised."""
    try:
        target.takes(content)
    except Exception:
        return f"{room}: {line(name, content, 'why it is kept')}\n{traceback.format_exc()}"
    return ""


def test_a_target_does_not_hide_what_escapes() -> None:
    """The oracle itself: another error than those that are promised comes out."""

    def parse(content: bytes) -> object:
        raise PackSealError("ours") if content else KeyError("not ours")

    target = Target(parse, ())
    assert not target.takes(b"x")
    with pytest.raises(KeyError):
        target.takes(b"")
    assert not escaped("room", "name", target, b"x")
    assert "KeyError: 'not ours'" in escaped("room", "name", target, b"")


def test_every_parser_has_a_target() -> None:
    """In a process of its own: what another test has made and kept would not be made again."""
    command = [sys.executable, "-W", "ignore", "tests/attacks/inventory.py"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert inventory.PAGE.read_text() == done.stdout, "run: python tests/attacks/inventory.py --write"


def test_a_parser_is_seen_by_what_it_is() -> None:
    """Else a new one would have no target, and nobody would know."""
    names = set(re.findall(r"`([\w.]+)`", inventory.PAGE.read_text()))
    for name in (
        "packseal.records.bundle.Bundle.from_bytes",  # bytes by a name of content
        "packseal.io.catenax_settings.load_catenax",  # a file
        "packseal.io.oidc._document",  # JSON inside, of a function that is not public
        "packseal.signals.diagnostics.transmit.parse_request",  # a text
        "packseal_hil.recording.read_recording",
    ):
        assert name in names
    assert "packseal.records.cbor.encode" not in names


def test_names_are_of_one_target() -> None:
    names = [name for room in ROOMS for name in targets_of(room)]
    assert len(set(names)) == len(names)


def test_kept_seeds_are_small_and_say_why() -> None:
    for path in sorted(FOLDER.glob("*")):
        assert path.stem in ROOMS
        assert set(kept(path.stem)) <= set(targets_of(path.stem))
        for text in path.read_text().splitlines():
            name, content, why = text.split("\t")
            assert why, name
            assert len(content) <= MAX_SEED_BYTES * 4 // 3 + 4, name


@pytest.mark.parametrize("room", ROOMS)
def test_the_fuzzer_starts_from_every_target(room: str, tmp_path: Path) -> None:
    """Its inputs choose their target as its seeds do."""
    opened = Room(room)
    opened.write_corpus(tmp_path)
    chosen = {opened.chosen(path.read_bytes()) for path in tmp_path.iterdir()}
    assert chosen == set(targets_of(room))
    opened.one_input(b"")


def test_the_fuzzer_shares_its_time_among_the_rooms() -> None:
    turns = dict(rooms_in_turn(300, list(ROOMS)))
    assert list(turns) == list(ROOMS)
    assert 280 <= sum(turns.values()) <= 300
    assert turns["evidence"] == SHARES["evidence"] * turns["bench"]
    assert dict(rooms_in_turn(1, ["bench"])) == {"bench": LEAST_SECONDS}


def test_the_boards_own_parsers_are_on_the_page() -> None:
    """They run on MicroPython, where their own fuzzers are."""
    named = set(re.findall(r"`(fuzz_\w+\.py)`", inventory.PAGE.read_text()))
    there = {path.name for path in (ROOT / "tests/firmware/board_tests").glob("fuzz_*.py")}
    assert named == there
