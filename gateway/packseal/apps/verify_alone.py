"""The verifier alone: python -m packseal.apps.verify_alone BUNDLE POLICY.json

Prints what `packseal verify --json` prints. Needs the standard library and PyNaCl, and of PackSeal this file, errors.py
and the folder records: for who does not want the rest of it on the machine.
"""

from __future__ import annotations

import json
import sys

from packseal.errors import EvidenceError
from packseal.records.bundle import MAX_BUNDLE_BYTES
from packseal.records.policy import Policy
from packseal.records.report import refusal_json, report_json
from packseal.records.verify import verify_bundle


def main(arguments: list[str]) -> int:
    """0: it holds; 1: it does not; 2: wrong arguments."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m packseal.apps.verify_alone BUNDLE POLICY.json\n")
        return 2
    try:
        with open(arguments[0], "rb") as file:  # noqa: PTH123 - pathlib loads more than this program is to need
            content = file.read(MAX_BUNDLE_BYTES + 1)
        with open(arguments[1], "rb") as file_of_policy:  # noqa: PTH123
            policy = Policy.from_bytes(file_of_policy.read())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        verdict = report_json(verify_bundle(content, policy))
    except EvidenceError as error:
        verdict = refusal_json(error)
    sys.stdout.write(json.dumps(verdict, indent=1) + "\n")
    return 0 if verdict["verdict"] == "good" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
