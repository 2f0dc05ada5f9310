"""Which functions read what came from somebody else, and which target of the fuzzers gets to each.

A parser is found by what it is: a public function of the packages whose first argument is bytes by a name that stands
for content, one whose name says that it reads a file or a text, or one that calls a parser of JSON or TOML itself. What
is found so and is none is in NOT_FROM_OUTSIDE, each with its reason. Which target reaches which parser is seen by
running them, so that no list has to be believed. Writes docs/parsers.md:

    python tests/attacks/inventory.py --write
"""

from __future__ import annotations

import ast
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "gateway"), str(ROOT / "hil")]  # run as a file

from tests.attacks.targets import ROOMS, Target, targets_of  # noqa: E402

PAGE = ROOT / "docs/parsers.md"
PACKAGES = (ROOT / "gateway/packseal", ROOT / "hil/packseal_hil")
CONTENT = {"content", "payload", "body", "note", "answer", "package", "text", "stream", "token", "sd_jwt", "entry"}
READS = ("read_", "load_", "parse_", "decode_", "open_", "parse", "from_", "verify_", "unverified_")
WRITES = ("encode", "write", "say", "add", "set_", "store_", "cosign", "post", "disclose", "base64_of", "through")
TEXTS = {"str", "Path", "object", "Any"}
PARSERS = {"json.loads", "tomllib.loads", "model_validate_json", "validate_json"}
SHOWN = 4  # targets of one parser on the page; more are counted
_HEAD = """\
# Parsers and their fuzz targets

Every function that reads what came from somebody else, and the targets of [the fuzzers](security.md#fuzzing) whose good
bytes get to it. Written by `python tests/attacks/inventory.py --write`; a test compares, and fails for a parser that no
target reaches.

The board's own parsers run on MicroPython, and so do their fuzzers, in each test run: `fuzz_link.py` (frames, orders,
receipts and updates that a gateway sends), `fuzz_can_link.py` (the same over ISO-TP), `fuzz_can.py` (frames of a BMS
and the table that they are decoded by), `fuzz_sources.py` (answers of JBD, Daly and BQ769x2).

| parser | targets |
|---|---|
"""
_WITHOUT = """
## Without a target

| function | why |
|---|---|
"""
NOT_FROM_OUTSIDE: Mapping[str, str] = {
    "packseal.apps.board_tools._named": "our own list of files, and a configuration that the board reads",
    "packseal.apps.board_tools.build": "the folder of our own firmware",
    "packseal.apps.board_tools.lay_update": "hands a package to a board, whose own test of updates reads it",
    "packseal.apps.cosigning.Cosigners.have_signed": "the note that the service has just signed",
    "packseal.apps.fresh_reads.FreshReads.noticed": "decode_notice, which has a target, and a comparison",
    "packseal.apps.passport_server.PassportServer.take_act": "hands to PassportService.take_act, which has one",
    "packseal.apps.passport_server.PassportServer.take_statement": "hands to PassportService.take_statement",
    "packseal.apps.replay_statements.Output._said": "what our own firmware prints in a process that we have started",
    "packseal.apps.witness.open_store": "the place of a database, which the program has made",
    "packseal.io.sent_log.SentLog.add": "what we are about to send",
    "packseal.io.files.read_private": "bytes of a secret of our own, bounded and not looked into",
    "packseal.io.board.open_line": "a name out of the settings, which CanPort.parse and pyserial read",
    "packseal.io.limited_dbc._asked": "the answer of our own process; tests/io/test_limited_dbc.py",
    "packseal.io.limited_dbc.check_dbc_limited": "check_dbc in a process of its own, whose limits its test tries",
    "packseal.io.limited_dbc.load_dbc_limited": "load_dbc in a process of its own, whose limits its test tries",
    "packseal.io.ouranos_v1.open_v1": "values out of settings that were read; what is answered has targets",
    "packseal.io.parquet_manifest.read_archive": "reads each file by Manifest.from_bytes, which has a target",
    "packseal.io.qemu_board._Monitor.ask": "the emulator that we have started",
    "packseal.outbox.reduction.is_open_window": "entries that the gateway has verified",
    "packseal.outbox.reduction.kind_of": "entries that the gateway has verified",
    "packseal_hil.bms.jbd.JbdBoard.receive": "what a board under test asks of the simulated BMS",
    "packseal_hil.targets.open.open_target": "a word of the command line",
}


def parsers() -> Mapping[tuple[str, int], str]:
    """(file, first line) -> module.function, of every parser that the packages have."""
    found = {}
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
            for name, node in _functions(ast.parse(path.read_text())):
                if _is_parser(node):
                    found[str(path), _first_line(node)] = f"{module}.{name}"
    return found


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Of modules and of classes; those inside of functions are theirs."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{one.name}", one) for one in node.body if isinstance(one, ast.FunctionDef))


def _first_line(node: ast.FunctionDef) -> int:
    """As a code object has it: of its first decorator."""
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _is_parser(node: ast.FunctionDef) -> bool:
    calls = {ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}
    if any(call == parser or call.endswith(f".{parser}") for call in calls for parser in PARSERS):
        return True
    arguments = [one for one in (*node.args.posonlyargs, *node.args.args) if one.arg not in ("self", "cls")]
    if node.name.startswith("_") or not arguments or arguments[0].annotation is None:
        return False
    kind = ast.unparse(arguments[0].annotation).partition(" |")[0]
    is_content = kind == "bytes" and arguments[0].arg in CONTENT and not node.name.startswith(WRITES)
    return is_content or (kind in TEXTS and node.name.startswith(READS))


def reached() -> Mapping[tuple[str, int], tuple[str, ...]]:
    """(file, first line) of a function -> the targets whose good inputs get to it, in whichever thread."""
    found: dict[tuple[str, int], list[str]] = defaultdict(list)
    seen: set[tuple[str, int]] = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            seen.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        for name, target in all_targets():
            seen.clear()
            for good in target.goods:
                target.takes(good)
            for place in seen.copy():
                found[place].append(name)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return {place: tuple(names) for place, names in found.items()}


def all_targets() -> Iterator[tuple[str, Target]]:
    for room in ROOMS:
        yield from targets_of(room).items()


def page(found: Mapping[str, tuple[str, ...]]) -> str:
    """found: module.function of each parser -> the targets that get to it."""
    rows = [f"| `{name}` | {_shown(found[name])} |\n" for name in sorted(set(found) - set(NOT_FROM_OUTSIDE))]
    without = [f"| `{name}` | {why} |\n" for name, why in sorted(NOT_FROM_OUTSIDE.items())]
    return _HEAD + "".join(rows) + _WITHOUT + "".join(without)


def _shown(targets: tuple[str, ...]) -> str:
    more = f" and {len(targets) - SHOWN} more" if len(targets) > SHOWN else ""
    return ", ".join(targets[:SHOWN]) + more


def main() -> None:
    """Ends with the parsers that no target gets to, where there are some."""
    by_place = reached()
    found = {name: by_place.get(place, ()) for place, name in parsers().items()}
    without = [name for name, targets in found.items() if not targets and name not in NOT_FROM_OUTSIDE]
    gone = sorted(set(NOT_FROM_OUTSIDE) - set(found))
    if without or gone:
        words = "write a target in tests/attacks/targets/, or say in NOT_FROM_OUTSIDE why it needs none"
        sys.exit(
            f"no target: {', '.join(without) or 'all have one'}; no such parser: {', '.join(gone) or 'none'}; {words}"
        )
    PAGE.write_text(page(found)) if "--write" in sys.argv else sys.stdout.write(page(found))


if __name__ == "__main__":
    main()
