"""What each program may do is what it does: the rows of docs/security.md that can be watched on a site that runs.

The site was started with a umask that forbids nothing (site.py), so that a file is private because the program says so.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from tests.security.site import Site

PAGE = Path(__file__).parents[2] / "docs/security.md"
PRIVATE = re.compile(r"\.key$|\.db(-wal|-shm)?$|\.secret$|mqtt\.password$|\.reserve$")


def test_keys_and_databases_are_for_their_owner_alone(site: Site) -> None:
    """Whatever the umask is: also the write-ahead log beside a database."""
    files = [path for path in site.folder.iterdir() if PRIVATE.search(path.name)]
    assert {path.name for path in files} >= {
        "gateway.key",
        "service.key",
        "outbox.db",
        "passport.db",
        "passport.db-wal",
    }
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in files if path.stat().st_mode & 0o077} == {}


def test_nothing_is_made_that_others_may_run(site: Site) -> None:
    found = [path for path in site.folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o111]
    assert found == []
    assert not [path for path in site.folder.rglob("*") if path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)]


def test_programs_listen_where_the_settings_say_and_nowhere_else(site: Site) -> None:
    assert site.listening("passport") == {site.listen}
    assert site.listening("gateway") == {site.local}


@pytest.mark.parametrize(
    ("program", "may_write"),
    [
        ("gateway", r"outbox\.db.*|gateway\.key.*"),
        ("passport", r"passport\.db.*|service\.key.*|passport-log(/.*)?"),
    ],
)
def test_programs_write_their_own_files_and_nothing_else(site: Site, program: str, may_write: str) -> None:
    """Each file that it has opened to write, made, renamed or removed since its start; the port is a device."""
    written = {path for path in site.written(program) if "__pycache__" not in path.parts}  # of a checkout
    assert written, "strace saw nothing"
    inside = {str(path.relative_to(site.folder)) for path in written if path.is_relative_to(site.folder)}
    assert {str(path) for path in written if not path.is_relative_to(site.folder)} == set()
    assert {path for path in inside if not re.fullmatch(may_write, path)} == set()


def test_programs_start_no_others(site: Site) -> None:
    """Beside the limited readers of DBC files, which end when they have read."""
    for program in ("gateway", "passport"):
        assert len(site.pids(program)) == 1, site.pids(program)


def test_every_program_has_its_row() -> None:
    rows = [line.split("|")[1].strip() for line in PAGE.read_text().partition("## Least privilege")[2].splitlines()
            if line.startswith("| `packseal")]  # fmt: skip
    assert {"`packseal gateway run`", "`packseal passport serve`", "`packseal witness`", "`packseal monitor`"} <= set(
        rows
    )
