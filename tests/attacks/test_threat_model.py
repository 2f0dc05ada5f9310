"""docs/threat-model.md promises only what a test tries."""

from __future__ import annotations

import re
from pathlib import Path

from packseal.errors import Reason
from packseal.exchange.recognition.refusal import Refusal

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/threat-model.md").read_text()
THREATS = [line.split("|")[1:-1] for line in PAGE.partition("## Threats")[2].splitlines() if line.startswith("| ")][1:]


def test_every_test_of_the_page_exists() -> None:
    defined = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named
    assert named <= defined


def test_every_threat_names_its_test_and_who_stops_it() -> None:
    assert len(THREATS) > 30
    for threat, mechanism, outcome, tests, _ in THREATS:
        assert mechanism.strip(), threat
        assert re.search("stopped|detected", outcome), threat
        assert "`test_" in tests, threat


def test_every_reason_of_the_page_is_one() -> None:
    words = {word for *_, outcome, _, _ in THREATS for word in re.findall(r"`([a-z-]+)`", outcome)}
    assert words
    assert words <= {*Reason, *Refusal}


def test_every_attack_stands_on_the_page() -> None:
    """Those of the files named after attacks: none is tried in silence."""
    files = (
        "test_inflated_health",
        "test_rolled_back",
        "test_dropped_windows",
        "test_moved_boards",
        "test_stolen_keys",
        "test_recognition",
    )
    helpers = {"test_the_same_story_goes_on_being_cosigned"}
    for name in (*files, "test_split_view"):
        tests = set(re.findall(r"^def (test_\w+)", (ROOT / f"tests/attacks/{name}.py").read_text(), re.MULTILINE))
        assert not {test for test in tests - helpers if f"`{test}`" not in PAGE}
