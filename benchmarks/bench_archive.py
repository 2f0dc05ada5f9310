"""Builds an archive of 1,000,000 records with real signatures and times the real `packseal verify` on it.

    python benchmarks/bench_archive.py [RECORDS]

Windows of 16 cells, 15 to a checkpoint, and a bundle that leads from the last record to the service's log and its
witness. The bar is 5 minutes on two cores. The last line is the figures as JSON.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]  # for the simulated board and the service on paper of tests/

from tests.passport.board import Board, signer  # noqa: E402
from tests.records.paper import PaperService, public, salt  # noqa: E402

from packseal.apps.export import policy_text  # noqa: E402
from packseal.records.archive import ArchiveHead, encode_part, framed  # noqa: E402
from packseal.records.blinding import leaf_of  # noqa: E402
from packseal.records.bodies import MeanMinMax, Window  # noqa: E402
from packseal.records.bundle import ActPart, Bundle  # noqa: E402
from packseal.records.checkpoint import Checkpoint, Receipt, receipt_leaf_entry, sign_checkpoint, sign_receipt  # noqa: E402
from packseal.records.merkle import Edge, inclusion_proof  # noqa: E402
from packseal.records.writing import encode_window  # noqa: E402

RECORDS = 1_000_000
WINDOW_MS = 60_000
WINDOWS_PER_CHECKPOINT = 15
PARTS_A_TASK = 32
BAR_S = 300


def cells_window(seq, cell_blocks, duration_ms=WINDOW_MS):
    """Cells that drift and differ, as those of a pack do."""
    cells = tuple(3_600 + seq // 7 % 400 + (seq * 7 + block * 5) % 23 for block in range(cell_blocks))
    pack_mv = sum(cells)
    return Window(
        duration_ms=duration_ms,
        samples=60,
        pack_current_ma=MeanMinMax(-5_000 + seq % 300, -5_400, -4_500),
        pack_voltage_mv=MeanMinMax(pack_mv, pack_mv - 20, pack_mv + 20),
        cell_mv=cells,
        temperature_ddegc=(251 + seq % 9, 253 + seq % 7),
        soc_cpct=8_000 - seq % 8_000,
        counters=(1_000 + seq, 90_000 + seq, 40 + seq, 3_700 + seq),
        soc_reported_cpct=8_100,
        soh_reported_cpct=9_900,
    )


def made_spans(bounds, seed):
    """What needs no order: entries and leaves of the spans between these bounds."""
    spans = []
    for first, end in pairwise(bounds):
        entries = [encode_window(seq, 1, seq * WINDOW_MS, cells_window(seq, 16)) for seq in range(first, end)]
        spans.append((first, entries, [leaf_of(entry, seed)[1] for entry in entries]))
    return spans


def write_archive(path, policy_path, records):
    """A whole log in a file, and the policy to verify it with. -> bytes of the file"""
    board, service = Board("a log of a million"), PaperService()
    bind = service.bind(board)
    edge, leaves = Edge().extended(board.leaves), board.leaves
    checkpoint = _checkpoint(board, edge)
    bounds = [*range(1, records, WINDOWS_PER_CHECKPOINT), records]
    tasks = [bounds[at : at + PARTS_A_TASK + 1] for at in range(0, len(bounds) - 1, PARTS_A_TASK)]
    with path.open("wb") as file, multiprocessing.get_context("spawn").Pool() as pool:
        file.write(framed(ArchiveHead(board.genesis, board.seed).to_bytes()))
        file.write(framed(encode_part(0, [board.genesis], checkpoint)))
        for spans in pool.imap(partial(made_spans, seed=board.seed), tasks):
            for first, entries, new in spans:
                edge = edge.extended(new)
                leaves += new
                checkpoint = _checkpoint(board, edge)
                file.write(framed(encode_part(first, entries, checkpoint)))
                entry = entries[-1]
        file.write(framed(_last_bundle(board, service, bind, entry, leaves, edge, checkpoint)))
    policy_path.write_text(policy_text(service.policy()))
    return path.stat().st_size


def _checkpoint(board, edge):
    last = max(edge.size - 1, 0)
    return sign_checkpoint(
        Checkpoint(board.log_id, edge.size, edge.root(), 1, last * WINDOW_MS), signer(board.signing_key)
    )


def _last_bundle(board, service, bind, entry, leaves, edge, checkpoint):
    index = len(service.leaves)
    fields = Receipt(board.log_id, edge.size, edge.root(), index, service.now_unix_ms, salt("the last receipt"))
    receipt = sign_receipt(fields, signer(service.key), public(service.key))
    service.append(receipt_leaf_entry(receipt))
    acts = (ActPart(bind.content, bind.index, service.proof(bind.index)),)
    proof = tuple(inclusion_proof(leaves, edge.size - 1))
    seed = board.record_seed(edge.size - 1)
    bundle = Bundle(
        board.genesis, (), entry, seed, proof, checkpoint, receipt, service.note(), service.proof(index), acts
    )
    return bundle.to_bytes()


def timed_verify(path, policy_path):
    """The real command in its own processes; its progress bar goes to this terminal. -> seconds"""
    command = [str(Path(sys.executable).parent / "packseal"), "verify", str(path), "--policy", str(policy_path)]
    since = perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds = perf_counter() - since
    sys.stderr.write("\n")
    sys.stdout.write(done.stdout.splitlines()[0] + "\n")
    return seconds


def archive_figures(records):
    with tempfile.TemporaryDirectory() as folder:
        path, policy_path = Path(folder) / "million.archive", Path(folder) / "policy.toml"
        since = perf_counter()
        size_bytes = write_archive(path, policy_path, records)
        sys.stdout.write(f"built {records:,} records, {size_bytes:,} bytes, in {perf_counter() - since:.0f} s\n")
        sys.stdout.flush()
        seconds = timed_verify(path, policy_path)
    cores = os.cpu_count() or 1
    words = f"verified in {seconds:.1f} s on {cores} cores, {records / seconds:,.0f} records/s"
    sys.stdout.write(f"{words}; the bar is {BAR_S} s for {RECORDS:,} on 2 cores\n")
    return {
        "archive_records": records,
        "archive_bytes": size_bytes,
        "archive_verify_s": round(seconds, 1),
        "archive_records_per_s": round(records / seconds),
        "archive_cores": cores,
    }


def main():
    figures = archive_figures(int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS)
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0 if figures["archive_verify_s"] <= BAR_S * max(1, figures["archive_records"] / RECORDS) else 1


if __name__ == "__main__":
    sys.exit(main())
