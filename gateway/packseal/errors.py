"""The whole tree of errors. Each says whose fault it was and what to do next."""

from __future__ import annotations

from enum import StrEnum


class PackSealError(Exception):
    """Anything PackSeal refuses or cannot do; its text is one line for a person."""


class ConfigError(PackSealError):
    """A configuration file is wrong: the text names file, line, what was expected and what was found."""


class UnavailableError(PackSealError):
    """Something outside PackSeal (a broker, a board, a port, a disk) does not answer; the text says what to check."""


class CredentialError(PackSealError):
    """A key, token or certificate that does not hold; the text names no part of it and says what to do."""


class UnknownReaderError(PackSealError):
    """A token or certificate that holds, of somebody whom the settings give no role."""


class AddressError(UnavailableError):
    """An address that nothing is sent to: of an own network, or another machine without TLS; the text says which."""


class PartnerError(PackSealError):
    """A partner of a data space was asked in vain. status: of the answer, None without one. code: the partner's own.

    tracking: what the partner calls the request, for asking there. No text holds a credential.
    """

    def __init__(self, detail: str, status: int | None = None, code: str = "", tracking: str = "") -> None:
        super().__init__(f"{detail} (tracking {tracking})" if tracking else detail)
        self.detail, self.status, self.code, self.tracking = detail, status, code, tracking


class PartnerRefusedError(PartnerError):
    """The partner understood and said no: the same request once more changes nothing."""


class PartnerUnavailableError(PartnerError, UnavailableError):
    """The partner does not answer, fails or is busy: later it may. retry_after_s: what it asks for, 0 where nothing."""

    def __init__(
        self, detail: str, status: int | None = None, code: str = "", tracking: str = "", retry_after_s: float = 0
    ) -> None:
        super().__init__(detail, status, code, tracking)
        self.retry_after_s = retry_after_s


class EgressError(PackSealError):
    """Something was about to leave that must not: nothing left; the text names the place in the document."""


class WitnessConflictError(UnavailableError):
    """The witness knows another size of the log than the proof starts from: send again with a proof from `size`."""

    def __init__(self, url: str, size: int) -> None:
        super().__init__(f"{url}: knows the log at size {size}; the proof has to start there")
        self.size = size


class FreshReadError(UnavailableError):
    """Nothing came of a fresh read: `why` is a word of docs/fresh.md, retry_after_s says when another may be tried."""

    def __init__(self, why: str, detail: str, retry_after_s: int = 0) -> None:
        super().__init__(f"{why}: {detail}")
        self.why, self.detail, self.retry_after_s = why, detail, retry_after_s


class MicroPythonError(PackSealError):
    """No MicroPython can be had on this machine."""


class Reason(StrEnum):
    """Why evidence was refused. Stable across versions: programs may rely on these words (docs/record.md)."""

    MALFORMED = "malformed"
    UNKNOWN_VERSION = "unknown-version"
    UNKNOWN_LOG = "unknown-log"
    UNKNOWN_SERVICE = "unknown-service"
    WRONG_LOG = "wrong-log"
    WRONG_SEQ = "wrong-seq"
    WRONG_SIZE = "wrong-size"
    TIME_RUNS_BACK = "time-runs-back"
    BAD_SIGNATURE = "bad-signature"
    ROOT_MISMATCH = "root-mismatch"
    BAD_INCLUSION_PROOF = "bad-inclusion-proof"
    BAD_CONSISTENCY_PROOF = "bad-consistency-proof"
    RECEIPT_MISMATCH = "receipt-mismatch"
    MISSING_ENTRIES = "missing-entries"
    FORK = "fork"
    BAD_SEED = "bad-seed"
    BAD_DISCLOSURE = "bad-disclosure"
    BAD_THRESHOLD = "bad-threshold"
    BAD_ROTATION = "bad-rotation"
    SEALED = "sealed"
    KEY_REVOKED = "key-revoked"
    UNKNOWN_AUTHORITY = "unknown-authority"
    UNKNOWN_GATEWAY = "unknown-gateway"
    WRONG_ROLE = "wrong-role"
    BAD_POSSESSION = "bad-possession"
    ALREADY_BOUND = "already-bound"
    WRONG_BATTERY = "wrong-battery"
    WRONG_CLASS = "wrong-class"
    TOO_FEW_WITNESSES = "too-few-witnesses"
    BAD_TIME = "bad-time"
    UNKNOWN_PASSPORT = "unknown-passport"
    ALREADY_CREATED = "already-created"
    OUTDATED = "outdated"
    WRONG_OPERATOR = "wrong-operator"
    WRONG_STAGE = "wrong-stage"
    BAD_CONSENT = "bad-consent"
    NOT_SEALED = "not-sealed"
    UNFIT = "unfit"
    WRONG_NONCE = "wrong-nonce"
    WRONG_AUDIENCE = "wrong-audience"


class EvidenceError(PackSealError):
    """Evidence that does not hold. Whoever made or carried it is at fault; nothing was changed by the attempt."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[EvidenceError], tuple[Reason, str]]:
        """For another process: an exception alone would be made again from its one text."""
        return type(self), (self.reason, self.detail)


class FramesError(PackSealError):
    """A CAN log could not be read at all; single lines that are no frames are counted in its loss report instead."""


class UnknownDialectError(FramesError):
    """The log is in no dialect known here: the text shows its first line and names the dialects that are read."""


class LogTooLargeError(FramesError):
    """The log is larger than one pass reads: whoever has it splits it by lines."""


class DBCError(PackSealError):
    """A DBC file cannot be used: the text names the line, what is wrong with it and what to change."""


class BindingError(PackSealError):
    """A binding is wrong or does not fit its DBC: the text names the key, what was expected and what was found."""


class SignalsetError(PackSealError):
    """A file of diagnostic definitions cannot be used: the text names the command and signal, and what is wrong."""


class TableError(PackSealError):
    """A table of measurements cannot be used: the text names its columns or line, and what to say or change."""
