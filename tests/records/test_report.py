"""The report as JSON: what was counted by its name, what was shown by its number."""

from __future__ import annotations

from packseal.records.disclosure import Wanted
from packseal.records.report import printable, report_json
from packseal.records.verify import verify_bundle
from tests.vectors.scenes import policies, scene


def test_cell_blocks_keep_their_numbers_and_counts_have_names() -> None:
    made = scene()
    bundle = made.shown(6, Wanted(cells=range(6)), attestation=made.attestations["example"])
    found = report_json(verify_bundle(bundle.to_bytes(), policies()["acts"]))
    assert set(found["record"]["cells_mv"]) == {"0", "1", "2", "3", "4", "5"}
    counts = {"frames_received": 60_000, "frames_lost": 3, "error_frames": 0, "link_frames_refused": 1, "reopened": 2}
    assert found["attestation"]["counts"] == counts


def test_printable() -> None:
    assert printable("battery ü-1 ✓ 日本") == "battery ü-1 ✓ 日本"
    assert printable("a\x1b[2J\tb\n\x00\x7f\x9b\u2028\u202e\ud800") == r"a\x1b[2J\tb\n\x00\x7f\x9b\u2028\u202e\ud800"
