"""Published contracts of IDTA 01002, which requests and answers are held against; they lie beside the sources."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator

REGISTRY = "dataspace/aas-api-v3.1/bundled-aas-registry-SSP-001.json"
SUBMODEL = "dataspace/aas-api-v3.1/bundled-submodel-service-SSP-003.json"
SURROGATES = "ud800"  # in patterns of these contracts, which are written for UTF-16


class AASContract:
    def __init__(self, shared: Path, name: str) -> None:
        self.document: dict[str, Any] = json.loads((shared / name).read_text())
        schemas = _plain(self.document["components"]["schemas"])
        self._schemas = json.loads(json.dumps(schemas).replace("#/components/schemas/", "#/$defs/"))

    def faults(self, model: str, content: object) -> list[str]:
        rules = {"$defs": self._schemas, "$ref": f"#/$defs/{model}"}
        found = Draft202012Validator(rules).iter_errors(content)
        return [f"{'/'.join(map(str, one.instance_path))}: {one.message}" for one in found]

    def statuses(self, path: str, method: str) -> set[str]:
        """path: with its names in braces."""
        return set(self.document["paths"][path][method.lower()]["responses"])

    def template(self, path: str) -> str | None:
        """The path of the contract that this one is."""
        for template in self.document["paths"]:
            if re.fullmatch(re.sub(r"\{[A-Za-z]+\}", "[^/]+", template.replace("$", r"\$")), path):
                return str(template)
        return None


def _plain(found: Any) -> Any:
    """Without the patterns that only UTF-16 has a meaning for."""
    if isinstance(found, list):
        return [_plain(one) for one in found]
    if not isinstance(found, dict):
        return found
    return {
        name: _plain(one)
        for name, one in found.items()
        if name != "example" and not (name == "pattern" and isinstance(one, str) and SURROGATES in one)
    }
