"""What is taken for a MicroPython with words of 32 bits, and what is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from packseal.errors import MicroPythonError
from packseal.io.micropython import micropython_32_command


def program(folder: Path, *answers: str) -> str:
    """Something that prints one answer after the other, whatever it is asked."""
    path = folder / "program"
    lines = "".join(f"{answer}\n" for answer in answers)
    (folder / "answers").write_text(lines)
    path.write_text(f"#!/bin/sh\ncd {folder} && head -n 1 answers && sed -i 1d answers\n")
    path.chmod(0o755)
    return str(path)


def test_the_chosen_one_is_taken_when_its_words_have_32_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = program(tmp_path, "micropython 1 25", "2147483647")
    monkeypatch.setenv("MICROPYTHON_32", chosen)
    assert micropython_32_command() == [chosen]


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        (("micropython 1 25", str(sys.maxsize)), "has no words of 32 bits"),
        (("micropython 1 24", "2147483647"), "but micropython 1 24"),
        (("cpython 3 11", "2147483647"), "but cpython 3 11"),
        ((), "but nothing"),
    ],
)
def test_another_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: tuple[str, ...], fault: str
) -> None:
    monkeypatch.setenv("MICROPYTHON_32", program(tmp_path, *answers))
    with pytest.raises(MicroPythonError, match=f"{fault}.*; set MICROPYTHON_32 to"):
        micropython_32_command()


def test_what_does_not_start_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a program of 32 bits where the kernel runs none."""
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF of another kind")
    path.chmod(0o755)
    monkeypatch.setenv("MICROPYTHON_32", str(path))
    with pytest.raises(MicroPythonError, match="but nothing"):
        micropython_32_command()
