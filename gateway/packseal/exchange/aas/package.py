"""An environment as the bytes that travel: JSON, or an AASX package (IDTA 01005-3-1) with that JSON in it.

Decides that nothing leaves which aas-core, the meta model as a program, finds a fault in, and that the same environment
is the same bytes everywhere: names in the order of the document, parts in a fixed order, stored without compression,
because compressors differ, and dated 1980-01-01, the earliest that ZIP has. A package is by the Open Packaging
Conventions (ECMA-376 part 2): content types, an origin, and relations that lead from it to the JSON. Files that the
environment names by address or by digest are not in it.
"""

from __future__ import annotations

import io
import json
import zipfile

from aas_core3_1 import jsonization, verification

from packseal.exchange.export import Export

RELATIONS = "http://admin-shell.io/aasx/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
DATA = "aasx/data.json"
_ORIGIN = "aasx/aasx-origin"
_DECLARED = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644 << 16  # where Unix reads it in a ZIP entry
_UNIX = 3


def as_json(made: Export) -> bytes:
    """Of an environment that environment.make gave. Raises ValueError where aas-core finds a fault in it."""
    environment = jsonization.environment_from_jsonable(made.document)
    for error in verification.verify(environment):
        raise ValueError(f"{error.path}: {error.cause}")
    return json.dumps(jsonization.to_jsonable(environment), ensure_ascii=False, allow_nan=False, indent=1).encode()


def as_aasx(made: Export) -> bytes:
    """The package. Raises ValueError as as_json does."""
    parts = {
        "[Content_Types].xml": _content_types().encode(),
        "_rels/.rels": _relation(f"{RELATIONS}/aasx-origin", f"/{_ORIGIN}").encode(),
        _ORIGIN: b"Intentionally empty.",
        "aasx/_rels/aasx-origin.rels": _relation(f"{RELATIONS}/aas-spec", f"/{DATA}").encode(),
        DATA: as_json(made),
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as package:
        for name, part in parts.items():
            package.writestr(_entry(name), part)
    return content.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EARLIEST)
    entry.create_system, entry.external_attr = _UNIX, _FILE_MODE
    return entry


def _content_types() -> str:
    return (
        f'{_DECLARED}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="json" ContentType="application/json"/>'
        f'<Override PartName="/{_ORIGIN}" ContentType="text/plain"/></Types>'
    )


def _relation(kind: str, target: str) -> str:
    return (
        f'{_DECLARED}<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{kind}" Target="{target}"/></Relationships>'
    )
