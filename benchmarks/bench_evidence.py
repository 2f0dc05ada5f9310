"""Measures the evidence format: what records, checkpoints, bundles and archives cost; the last line is JSON.

    python benchmarks/bench_evidence.py [--archive [RECORDS]]

The peer, measured in the same run, is the plain way of doing the same: the same values in CBOR by cbor2, one Ed25519
signature for each record by libsodium (PyNaCl), and each one verified. Nothing shows where such a record is missing,
and all of its values are seen or none; its column is empty where cbor2 is not installed. Times are medians, in
processor time; those of the service and of the archive are by the clock.
With --archive, bench_archive.py runs as well: a million records, a few minutes.
"""

import json
import sys
import tempfile
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter, process_time_ns

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]  # for the simulated board and the service on paper of tests/

from bench_archive import RECORDS, archive_figures, cells_window  # noqa: E402
from nacl.signing import SigningKey  # noqa: E402
from tests.passport.board import TOPIC, Board, signer  # noqa: E402
from tests.passport.desk import desk_for  # noqa: E402
from tests.records.paper import PaperService, bundle_of, verifying  # noqa: E402

from packseal.records.archive import ArchiveCheck, ArchiveHead, encode_part, opened_part  # noqa: E402
from packseal.records.blinding import leaf_of  # noqa: E402
from packseal.records.checkpoint import Checkpoint, sign_checkpoint, verify_checkpoint  # noqa: E402
from packseal.records.disclosure import Wanted, disclose  # noqa: E402
from packseal.records.verify import verify_bundle  # noqa: E402
from packseal.records.writing import encode_window  # noqa: E402

try:
    import cbor2
except ImportError:
    cbor2 = None

ROUNDS = 301
WINDOWS = 300
PER_CHECKPOINT = 15
PEER_KEY = SigningKey(bytes(range(32)))


def median_us(work, rounds=ROUNDS, per=1):
    """Of one piece of work, where `work` does `per` of them."""
    times_ns = []
    for _ in range(rounds):
        since_ns = process_time_ns()
        work()
        times_ns.append(process_time_ns() - since_ns)
    return median(times_ns) / 1000 / per


def board_with(cell_blocks):
    board = Board()
    board.boot()
    for _ in range(WINDOWS):
        board.uptime_ms += 60_000
        window = cells_window(board.size, cell_blocks)
        board.entries.append(encode_window(board.size, 1, board.uptime_ms, window))
    board.state_of_health()
    return board


def record_figures(board, cell_blocks):
    windows = board.entries[2 : 2 + 50]
    return {
        f"window_{cell_blocks}_bytes": len(windows[0]),
        f"leaf_{cell_blocks}_us": median_us(lambda: [leaf_of(entry, board.seed) for entry in windows], 31, 50),
    }


def checkpoint_figures(board):
    checkpoint = Checkpoint(board.log_id, board.size, board.root(board.size), 1, board.uptime_ms)
    sign, key = signer(board.signing_key), verifying(board.signing_key)
    content = sign_checkpoint(checkpoint, sign)
    return {
        "checkpoint_bytes": len(content),
        "checkpoint_sign_us": median_us(lambda: sign_checkpoint(checkpoint, sign)),
        "checkpoint_verify_us": median_us(lambda: verify_checkpoint(content, board.log_id, key)),
    }


def bundle_figures(board):
    service = PaperService()
    service.bind(board)
    bundle = bundle_of(service, board, 2, service.receipt(board))
    statement = bundle_of(service, board, board.size - 1, service.receipt(board))
    policy = service.policy()
    figures = {}
    for name, made in (
        ("open", bundle),
        ("disclosed", shown(bundle, board, 2, Wanted(fields=[8], cells=[3]))),
        ("threshold", shown(statement, board, board.size - 1, Wanted(at_least_cpct=8_000))),
    ):
        content = made.to_bytes()
        figures[f"bundle_{name}_bytes"] = len(content)
        figures[f"bundle_{name}_verify_us"] = median_us(lambda content=content: verify_bundle(content, policy))
    seed, last = board.record_seed(2), board.size - 1
    figures["disclosure_make_us"] = median_us(lambda: disclose(board.entries[2], seed, Wanted(fields=[8], cells=[3])))
    wanted, seed_of_last = Wanted(at_least_cpct=8_000), board.record_seed(last)
    figures["threshold_make_us"] = median_us(lambda: disclose(board.entries[last], seed_of_last, wanted))
    return figures


def shown(bundle, board, seq, wanted):
    entry, disclosure = disclose(board.entries[seq], board.record_seed(seq), wanted)
    return replace(bundle, entry=entry, shown=disclosure.to_map())


def spans(board):
    return pairwise([*range(0, board.size, PER_CHECKPOINT), board.size])


def service_figures(board):
    """A real passport service on a real SQLite file: each delivery is on the disk before its receipt."""
    payloads = [board.delivery(first, end).to_bytes() for first, end in spans(board)]
    with tempfile.TemporaryDirectory() as folder:
        desk = desk_for(Path(folder), board)
        since = perf_counter()
        for payload in payloads:
            desk.service.receive(TOPIC, payload)
        seconds = perf_counter() - since
    return {"deliveries_per_s": len(payloads) / seconds, "records_per_s": board.size / seconds}


def archive_part_figures(board):
    """One process, no files: decode, blind, hash, and follow the signed roots."""
    head = ArchiveHead(board.genesis, board.seed)
    parts = [encode_part(first, board.entries[first:end], board.checkpoint(end)) for first, end in spans(board)]

    def verify():
        check = ArchiveCheck(head)
        for part in parts:
            check.add(opened_part(part, head))

    return {"archive_1_process_records_per_s": 1e6 / median_us(verify, 11, board.size)}


def peer_figures():
    if cbor2 is None:
        return {}
    fields = asdict(cells_window(2, 16)).values()  # numbers in place of names, as ours has them
    plain = [list(value.values()) if isinstance(value, dict) else value for value in fields]
    record = [2, 2, 1, 120_000, {key: value for key, value in enumerate(plain, 1) if value}]

    def sign():
        return PEER_KEY.sign(cbor2.dumps(record))

    signed = bytes(sign())

    def verify():
        return cbor2.loads(PEER_KEY.verify_key.verify(signed))

    return {"peer_record_bytes": len(signed), "peer_sign_us": median_us(sign), "peer_verify_us": median_us(verify)}


def compared(figures):
    """Ours for one record of 16 cells, its share of a checkpoint included, and the peer's divided by it."""
    per = PER_CHECKPOINT
    ours = {
        "record_bytes": figures["window_16_bytes"] + figures["checkpoint_bytes"] / per,
        "record_sign_us": figures["leaf_16_us"] + figures["checkpoint_sign_us"] / per,
        "record_verify_us": 1e6 / figures["archive_1_process_records_per_s"],
    }
    peers = {
        "record_bytes": "peer_record_bytes",
        "record_sign_us": "peer_sign_us",
        "record_verify_us": "peer_verify_us",
    }
    ratios = {f"peer_by_ours_{name}": figures[peer] / ours[name] for name, peer in peers.items() if peer in figures}
    return ours | ratios


ROWS = (
    ("window of 16 cells", "window_16_bytes", "bytes", 1, None),
    ("window of 96 cells", "window_96_bytes", "bytes", 1, None),
    ("record of 16 cells, signed", "record_bytes", "bytes", 1, "peer_record_bytes"),
    ("  made: blinded, hashed, signed", "record_sign_us", "µs", 1, "peer_sign_us"),
    ("  verified in its log", "record_verify_us", "µs", 1, "peer_verify_us"),
    ("leaf of a window, 16 cells", "leaf_16_us", "µs", 1, None),
    ("leaf of a window, 96 cells", "leaf_96_us", "µs", 1, None),
    ("checkpoint", "checkpoint_bytes", "bytes", 1, None),
    ("  sign", "checkpoint_sign_us", "µs", 1, None),
    ("  verify", "checkpoint_verify_us", "µs", 1, None),
    ("bundle, open", "bundle_open_bytes", "bytes", 1, None),
    ("  verify", "bundle_open_verify_us", "ms", 1000, None),
    ("bundle, two values shown", "bundle_disclosed_bytes", "bytes", 1, None),
    ("  verify", "bundle_disclosed_verify_us", "ms", 1000, None),
    ("  make the disclosure", "disclosure_make_us", "ms", 1000, None),
    ("bundle, health at least 80 %", "bundle_threshold_bytes", "bytes", 1, None),
    ("  verify", "bundle_threshold_verify_us", "ms", 1000, None),
    ("  make the bound", "threshold_make_us", "ms", 1000, None),
    ("service, on a real disk", "deliveries_per_s", "/s", 1, None),
    ("  records in them", "records_per_s", "/s", 1, None),
    ("archive, one process", "archive_1_process_records_per_s", "/s", 1, None),
)


def table(figures):
    yield f"{'':34}{'ours':>12}        {'peer':>12}{'peer / ours':>14}"
    for what, name, unit, divisor, peer in ROWS:
        line = f"{what:34}{figures[name] / divisor:12,.2f} {unit:6}"
        if peer in figures:
            ratio = figures[f"peer_by_ours_{name}"]
            line += f" {figures[peer] / divisor:12,.2f}{ratio:14.2f}"
        yield line.rstrip()


def main(arguments):
    small, large = board_with(16), board_with(96)
    figures = record_figures(small, 16) | record_figures(large, 96)
    figures |= checkpoint_figures(small) | bundle_figures(small)
    figures |= service_figures(small) | archive_part_figures(small) | peer_figures()
    figures |= compared(figures)
    sys.stdout.write("\n".join(table(figures)) + "\n")
    sys.stdout.flush()
    if arguments[:1] == ["--archive"]:
        figures |= archive_figures(int(arguments[1]) if arguments[1:] else RECORDS)
    sys.stdout.write(json.dumps({name: round(value, 2) for name, value in figures.items()}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
