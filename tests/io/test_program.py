"""The hash of the running program changes with every file and with nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

from packseal.io.program import PACKAGE, program_hash


def test_it_is_the_one_of_the_specification(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/c.py").write_bytes(b"1")
    (tmp_path / "a.py").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"no program")
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware/main.py").write_bytes(b"the board's")
    expected = hashlib.sha256()
    for path, content in (("a.py", b""), ("b/c.py", b"1")):
        expected.update(hashlib.sha256(path.encode()).digest() + hashlib.sha256(content).digest())
    assert program_hash(tmp_path) == expected.digest()


def test_the_package_is_the_one_that_runs() -> None:
    assert (PACKAGE / "io/program.py").samefile(Path(program_hash.__code__.co_filename))
    assert program_hash() == program_hash()
