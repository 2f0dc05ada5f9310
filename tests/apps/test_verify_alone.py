"""The verifier for a machine that has PyNaCl and nothing else: what it loads, and that its verdict is the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from packseal.apps.verify_alone import main
from packseal.records.policy import Policy
from packseal.records.report import report_json
from packseal.records.verify import verify_bundle
from tests.passport.authorities import bind, open_desk, strangers_policy
from tests.passport.board import running_board

ROOT = Path(__file__).parents[2]
PACKSEAL = ("packseal", "packseal.apps", "packseal.apps.verify_alone", "packseal.errors", "packseal.records")
OTHERS = ("nacl", "_sodium", "cffi", "_cffi_backend")  # libsodium is the module _sodium of PyNaCl

# Everything that is imported from here on passes this hook first; whatever is not on the list does not exist.
HOOK = """
import sys

class Only:
    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        ours = name in PACKSEAL or name.startswith("packseal.records.")
        if not (ours or first in OTHERS or first in sys.stdlib_module_names):
            raise ImportError("not in the room: " + name)
        return None

sys.meta_path.insert(0, Only())
before = set(sys.modules)
from packseal.apps.verify_alone import main
code = main(sys.argv[1:])
loaded = sorted(set(sys.modules) - before)
sys.stderr.write(" ".join(loaded))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bundle of a stranger's, with his policy."""
    folder = tmp_path_factory.mktemp("alone")
    board, desk = running_board(), open_desk(folder)
    bind(desk, board)
    desk.receipt(board.delivery().to_bytes())
    bundle, policy = folder / "record.bundle", folder / "policy.json"
    bundle.write_bytes(desk.bundle(board, 12))
    policy.write_text(json.dumps(strangers_policy().to_json()))
    desk.store.close()
    return bundle, policy


def alone(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    """Isolated: no folder of the caller's, no site customisation but what the environment installs itself."""
    path = f"import sys\nsys.path.insert(0, {str(ROOT / 'gateway')!r})\n"
    return python(path + HOOK, *arguments)


def python(program: str, *arguments: Path | str) -> subprocess.CompletedProcess[str]:
    lists = f"PACKSEAL, OTHERS = {PACKSEAL!r}, {OTHERS!r}\n"
    command = [sys.executable, "-I", "-c", lists + program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_loads_the_standard_library_nacl_and_its_own_room(evidence: tuple[Path, Path]) -> None:
    done = alone(*evidence)
    assert done.returncode == 0, done.stderr
    loaded = done.stderr.split()
    ours = [name for name in loaded if name.partition(".")[0] == "packseal"]
    assert "packseal.records.verify" in ours
    assert all(name in PACKSEAL or name.startswith("packseal.records.") for name in ours)
    foreign = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) - {"packseal"}
    assert foreign <= set(OTHERS)


def test_the_hook_would_have_found_anything_else() -> None:
    done = python(HOOK.replace("packseal.apps.verify_alone", "click"))
    assert "not in the room: click" in done.stderr


def test_it_says_what_packseal_verify_says(evidence: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    bundle, policy = evidence
    assert main([str(bundle), str(policy)]) == 0
    expected = report_json(verify_bundle(bundle.read_bytes(), strangers_policy()))
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(expected))


def test_it_runs_as_a_module(evidence: tuple[Path, Path]) -> None:
    command = [sys.executable, "-m", "packseal.apps.verify_alone", *map(str, evidence)]
    done = subprocess.run(command, cwd=ROOT / "gateway", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["verdict"] == "good"


def test_what_does_not_hold_is_refused_with_its_reason(evidence: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, policy = evidence
    nobody, torn = tmp_path / "nobody.json", tmp_path / "torn.bundle"
    nobody.write_text(json.dumps(Policy({}, {}).to_json()))
    torn.write_bytes(bundle.read_bytes()[:-1])
    for arguments, reason in (((bundle, nobody), "unknown-service"), ((torn, policy), "malformed")):
        done = alone(*arguments)
        assert done.returncode == 1
        found = json.loads(done.stdout)
        assert (set(found), found["verdict"], found["reason"]) == ({"verdict", "reason", "detail"}, "refused", reason)


def test_wrong_arguments_end_with_two_and_words(evidence: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, policy = evidence
    broken = tmp_path / "policy.json"
    broken.write_text("{}")
    for arguments, words in (
        ((), "usage: "),
        ((bundle,), "usage: "),
        ((bundle, policy, "x"), "usage: "),
        ((tmp_path / "none", policy), "No such file"),
        ((bundle, tmp_path / "none"), "No such file"),
        ((bundle, bundle), "codec can't decode"),
        ((bundle, broken), "policy: 'services' is missing"),
    ):
        done = alone(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
