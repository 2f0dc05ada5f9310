"""DBC files of anybody: the process that reads them is stopped, and this one only hears why."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.can import pack_dbc

from packseal.errors import DBCError, UnavailableError
from packseal.io import limited_dbc
from packseal.io.limited_dbc import CPU_S, check_dbc_limited, load_dbc_limited
from packseal.signals import load_dbc

HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: A\n'


def test_it_is_what_the_core_reads() -> None:
    for text in (pack_dbc.classic(), pack_dbc.flexible()):
        limited, core = load_dbc_limited(text.encode()), load_dbc(text.encode())
        assert limited.messages == core.messages
        assert limited.notes == core.notes


def test_every_real_dbc_is_what_the_core_reads(shared: Path) -> None:
    names = ["joshwardell__model3dbc/Model3CAN.dbc", "dalathegreat__leaf_can_bus_messages/EV-can_ZE1.dbc"]
    for name in [*names, "CSS-Electronics__api-examples/dbc_files/CSS-Electronics-SAE-J1939-DEMO.dbc"]:
        content = next((shared / "data/can").rglob(Path(name).name)).read_bytes()
        assert load_dbc_limited(content).messages == load_dbc(content).messages


def test_hostile_files_end_in_a_clear_error(shared: Path) -> None:
    for path in sorted((shared / "vectors/hostile").glob("*.dbc")):
        if path.name == "dbc-overlap-strict.dbc":  # loads: each signal is read by itself
            assert "shares bits" in check_dbc_limited(path.read_bytes())[0].problem
            continue
        with pytest.raises(DBCError, match=r"^line \d+: .*; |^line \d+: .* must "):
            load_dbc_limited(path.read_bytes())


def nested_multiplexers(depth: int) -> str:
    """Each switched by all values of the one before: parsers that write out every way take 16 ** depth steps."""
    signals = [f' SG_ X{i} {"m0" if i else ""}M : {4 * i}|4@1+ (1,0) [0|0] "" A\n' for i in range(depth)]
    ways = [f"SG_MUL_VAL_ 1 X{i} X{i - 1} 0-15;\n" for i in range(1, depth)]
    return f"{HEAD}BO_ 1 M: 64 A\n{''.join(signals)}{''.join(ways)}"


def many_messages(count: int) -> str:
    return HEAD + "".join(f'BO_ {i} M{i}: 8 A\n SG_ S : 0|8@1+ (1,0) [0|0] "" A\n\n' for i in range(count))


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "(" * 500_000,
        "\x00" * 1_000_000,
        HEAD + 'CM_ "' + "x" * 3_000_000,
        HEAD + "SG_MUL_VAL_ " * 300_000,
        many_messages(2000).replace("BO_ 7 ", "BO_ 6 "),
        nested_multiplexers(20),
        ('ab1 ;:"' * 600_000)[: 4 << 20],
        many_messages(1) + "VAL_ 0 S " + "".join(f'{i} "invalid" ' for i in range(0, 400_000, 2)) + ";\n",
    ],
    ids=["brackets", "nothing", "open comment", "ranges", "twice", "nested", "junk of 4 MB", "huge value table"],
)
def test_files_made_to_hurt_end_in_an_error(text: str) -> None:
    with pytest.raises(DBCError, match=r"; |expected|correct"):
        load_dbc_limited(text.encode())


def test_half_a_million_values_of_no_signal_are_passed_over() -> None:
    decoder = load_dbc_limited((pack_dbc.classic() + "VAL_ 1 S " + '1 "x" ' * 500_000 + ";\n").encode())
    assert decoder.messages == load_dbc(pack_dbc.classic().encode()).messages
    assert "passed over" in decoder.notes[0]


@pytest.mark.parametrize(
    "hurt",
    [
        "while True: pass",
        "hoard = []\nwhile True: hoard.append(bytearray(1 << 20))",
        "def fall(): fall()\nfall()",
        "import os; os._exit(3)",
        "open('written', 'w').write('x' * 100_000)",
    ],
    ids=["for ever", "memory", "recursion", "death", "a file"],
)
def test_limits_hold_whatever_a_parser_does(hurt: str, tmp_path: Path) -> None:
    """A parser that misbehaves, under the limits as a file's process sets them."""
    program = (
        "from packseal.io import limited_dbc\n"
        f"def read_sound_dbc(content):\n    {hurt.replace(chr(10), chr(10) + '    ')}\n"
        "limited_dbc.read_sound_dbc = read_sound_dbc\nlimited_dbc.main('load')\n"
    )
    script = tmp_path / "hurt.py"
    script.write_text(program)
    done = subprocess.run(
        [sys.executable, str(script)], input=b"VERSION", capture_output=True, timeout=60, check=False, cwd=tmp_path
    )
    assert not (tmp_path / "written").exists() or not (tmp_path / "written").stat().st_size
    assert done.returncode != 0 or "; take out messages" in json.loads(done.stdout)["error"]


@pytest.fixture
def as_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Puts a program in the place of the process that reads."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(limited_dbc, "_MODULE", "reader_in_a_test")

    def put(program: str) -> None:
        (tmp_path / "reader_in_a_test.py").write_text(program)

    return put


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("from packseal.io.limited_dbc import _limit\n_limit()\nwhile True: pass\n", f"it takes more than {CPU_S} s"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", r"break down \(signal 11\)"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "broken off, after 30 s or for lack of memory"),
        ("import sys\nsys.stdin.read()\nwhile True: print('x' * 1_000_000)\n", "describes too much"),
        ("print('no JSON')\n", "an answer without sense"),
        ('print(\'{"messages": [{"name": 3}], "notes": []}\')\n', "an answer without sense"),
        ('import sys; sys.stdin.close(); print(\'{"error": "line 3: wrong; correct it"}\')\n', "^line 3: wrong"),
    ],
    ids=["for ever", "crash", "killed", "floods", "no JSON", "another shape", "hears nothing"],
)
def test_a_process_that_fails_is_an_error_with_its_cure(
    as_reader: Callable[[str], None], program: str, words: str
) -> None:
    as_reader(program)
    with pytest.raises(DBCError, match=rf"{words}.*; .*(take out messages|correct it)"):
        load_dbc_limited(b"x" * 1_000_000)
    (finding,) = check_dbc_limited(b"VERSION")
    assert (finding.severity, finding.line) == ("error", 0)


def test_a_process_that_cannot_start_is_not_blamed_on_the_file(as_reader: Callable[[str], None]) -> None:
    as_reader("import a_package_that_is_not_installed\n")
    for ask in (load_dbc_limited, check_dbc_limited):
        with pytest.raises(UnavailableError, match=r"ended with 1; `.* check < FILE` says why"):
            ask(b"VERSION")


def test_nothing_is_loaded_from_the_folder_that_the_user_is_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A DBC may come in an archive with other files."""
    for name in ("cantools", "json", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(7)\n")
    monkeypatch.chdir(tmp_path)
    assert load_dbc_limited(pack_dbc.classic().encode()).messages


def test_a_fault_of_the_reader_is_said_of_the_file(tmp_path: Path) -> None:
    """Or a gateway would take it for a machine without room, and a fault of ours would look like a limit."""
    script = tmp_path / "fault.py"
    script.write_text(
        "from packseal.io import limited_dbc\n"
        "limited_dbc.read_sound_dbc = lambda content: 1 // 0\nlimited_dbc.main('load')\n"
    )
    done = subprocess.run([sys.executable, str(script)], input=b"", capture_output=True, timeout=60, check=True)
    assert "brings its reader to a fault (ZeroDivisionError: integer division" in json.loads(done.stdout)["error"]


def test_a_stricter_limit_of_the_site_holds() -> None:
    """A limit may not be raised; the process has to be content with it."""
    program = (
        "import resource, sys\nfrom packseal.io import limited_dbc\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (5, 5))\nlimited_dbc.CPU_S = 100\nlimited_dbc._limit()\n"
        "print(*resource.getrlimit(resource.RLIMIT_CPU), *resource.getrlimit(resource.RLIMIT_FSIZE))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=True, text=True)
    assert done.stdout.split() == ["5", "5", "0", "0"]


def test_too_large_a_file_starts_no_process() -> None:
    with pytest.raises(DBCError, match="at most 4194304 are read"):
        load_dbc_limited(b" " * (5 << 20))
