"""Only the rooms of the versions know that there are any: all others speak to the interface."""

from __future__ import annotations

import re
from pathlib import Path

import packseal

GATEWAY = Path(packseal.__file__).parent
OF_VERSIONS = re.compile(
    r"^\s*(from|import) packseal\.(exchange\.ouranos\.(v1|v2)\b|io\.(ouranos_v1|ods_v2|ouranos_provider)\b)"
    r"|^\s*from packseal\.exchange\.ouranos import .*\b(v1|v2)\b"
    r"|^\s*from packseal\.io import .*\b(ouranos_v1|ods_v2)\b",
    re.MULTILINE,
)
KNOWING = {
    "exchange/ouranos/v1.py",
    "exchange/ouranos/v2.py",
    "io/ouranos_v1.py",
    "io/ods_v2.py",
    "io/ouranos.py",
}


def test_nothing_else_knows_the_versions() -> None:
    found = {str(path.relative_to(GATEWAY)) for path in GATEWAY.rglob("*.py") if OF_VERSIONS.search(path.read_text())}
    assert found <= KNOWING
    assert {"io/ouranos_v1.py", "io/ods_v2.py", "io/ouranos.py"} <= found


def test_the_core_of_one_version_does_not_need_the_other() -> None:
    for name, other in (("v1", "v2"), ("v2", "v1")):
        assert not re.search(rf"ouranos\.{other}\b", (GATEWAY / f"exchange/ouranos/{name}.py").read_text())
