"""The published contract of Ouranos version 1, which requests and answers are held against."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator

CONTRACT = "dataspace/ouranos/ouranos-openapi.normalized.json"
DATA_PATH, AUTH_PATH = "/api/v1/datatransport", "/api/v1/authInfo"
# method and dataTarget -> what is sent, what is answered; a list is marked by []
SENT = {
    "parts": "PartsModel",
    "partsStructure": "PartsStructureModel",
    "tradeRequest": "TradeRequestModel",
    "status": "StatusModel",
    "cfp": "CfpModel[]",
    "plant": "PlantModel",
    "operator": "OperatorModel",
}
READ = {
    "parts": "PartsModel[]",
    "partsStructure": "PartsStructureModel",
    "tradeRequest": "TradeModel[]",
    "tradeResponse": "TradeResponseModel[]",
    "status": "StatusModel[]",
    "cfp": "CfpModel[]",
    "cfpCertification": "CfpCertificationModel[]",
    "operator": "OperatorModel",
    "plant": "PlantModel[]",
}
WRITTEN = {**SENT, "tradeResponse": "TradeModel"}


class Contract:
    def __init__(self, shared: Path) -> None:
        self._document: dict[str, Any] = json.loads((shared / CONTRACT).read_text())
        schemas = _plain(self._document["components"]["schemas"])
        self._schemas = json.loads(json.dumps(schemas).replace("#/components/schemas/", "#/$defs/"))
        self._validators: dict[str, Draft202012Validator] = {}

    def faults(self, model: str, content: object) -> list[str]:
        """model: of the schemas, [] behind it for a list of them."""
        if model not in self._validators:
            one = {"$ref": f"#/$defs/{model.removesuffix('[]')}"}
            whole = {"type": "array", "items": one} if model.endswith("[]") else one
            rules = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": self._schemas, **whole}
            self._validators[model] = Draft202012Validator(rules, validate_formats=True)
        return [
            f"{'/'.join(map(str, one.instance_path))}: {one.message}"
            for one in self._validators[model].iter_errors(content)
        ]

    def query_faults(self, path: str, method: str, query: Mapping[str, str]) -> list[str]:
        known = {one["name"]: one for one in self._document["paths"][path][method.lower()].get("parameters", [])}
        faults = [f"{name}: Unexpected query parameter" for name in query if name not in known]
        targets = known["dataTarget"]["schema"]["enum"]
        if query.get("dataTarget") not in targets:
            faults.append("dataTarget: Unexpected query parameter")
        if not 1 <= int(query.get("limit", "1")) <= 100 or len(query.get("traceIds", "").split(",")) > 50:
            faults.append("limit or traceIds: too many")
        return faults

    def statuses(self, path: str, method: str) -> set[int]:
        return {int(status) for status in self._document["paths"][path][method.lower()]["responses"]}


def _plain(found: Any) -> Any:
    """`nullable` of OpenAPI 3.0 as JSON Schema has it; `format` is kept where it means something there."""
    if isinstance(found, list):
        return [_plain(one) for one in found]
    if not isinstance(found, dict):
        return found
    made = {name: _plain(one) for name, one in found.items() if name not in ("nullable", "example", "description")}
    if found.get("nullable") is True:
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    if made.get("format") in ("double", "string"):
        del made["format"]
    return made
