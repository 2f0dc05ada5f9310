"""The evidence format of docs/record.md: bytes to trusted values, or an EvidenceError with a reason."""
