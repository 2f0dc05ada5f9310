"""The services that read, and what an answer's first bytes say (ISO 14229-1:2020, SAE J1979).

Decides which services may be asked at all: those that read and change nothing in an ECU. Leaves to listening.py whose
signals the answered data hold.
"""

from __future__ import annotations

from typing import NamedTuple

IDENTIFIER_BYTES = {  # of the services that read and change nothing: bytes of what they are asked for
    0x01: 1,  # SAE J1979: current powertrain data
    0x09: 1,  # SAE J1979: vehicle information
    0x21: 1,  # ISO 14230-3 readDataByLocalIdentifier, which Nissan, Renault and older Hyundai use on CAN
    0x22: 2,  # ISO 14229-1, 11.2 readDataByIdentifier
}
RESPONSE_PENDING = 0x78
_NEGATIVE = 0x7F
_POSITIVE = 0x40  # added to the service in a positive answer
_CODES = {  # ISO 14229-1:2020, annex A.1, as far as reading meets them
    0x10: "generalReject",
    0x11: "serviceNotSupported",
    0x12: "subFunctionNotSupported",
    0x13: "incorrectMessageLengthOrInvalidFormat",
    0x14: "responseTooLong",
    0x21: "busyRepeatRequest",
    0x22: "conditionsNotCorrect",
    0x24: "requestSequenceError",
    0x25: "noResponseFromSubnetComponent",
    0x26: "failurePreventsExecutionOfRequestedAction",
    0x31: "requestOutOfRange",
    0x33: "securityAccessDenied",
    0x34: "authenticationRequired",
    0x35: "invalidKey",
    0x36: "exceededNumberOfAttempts",
    0x37: "requiredTimeDelayNotExpired",
    0x70: "uploadDownloadNotAccepted",
    0x71: "transferDataSuspended",
    0x72: "generalProgrammingFailure",
    0x73: "wrongBlockSequenceCounter",
    0x78: "requestCorrectlyReceived-ResponsePending",
    0x7E: "subFunctionNotSupportedInActiveSession",
    0x7F: "serviceNotSupportedInActiveSession",
    0x81: "rpmTooHigh",
    0x82: "rpmTooLow",
    0x83: "engineIsRunning",
    0x84: "engineIsNotRunning",
    0x88: "vehicleSpeedTooHigh",
    0x8F: "brakeSwitchNotClosed",
    0x92: "voltageTooHigh",
    0x93: "voltageTooLow",
}


class Negative(NamedTuple):
    """A request was refused. service: which; code: why."""

    service: int
    code: int

    @property
    def is_pending(self) -> bool:
        """The answer itself comes later."""
        return self.code == RESPONSE_PENDING

    @property
    def name(self) -> str:
        """The standard's name of the code."""
        return _CODES.get(self.code, f"0x{self.code:02X}")


def negative(payload: bytes) -> Negative | None:
    """What a message refuses; None for one that does not."""
    return Negative(payload[1], payload[2]) if payload[:1] == bytes([_NEGATIVE]) and len(payload) >= 3 else None


def checked_ask(ask: bytes) -> bytes:
    """Raises ValueError for a request that is not one of reading, or not of one identifier."""
    known = ", ".join(f"{service:02X}" for service in IDENTIFIER_BYTES)
    if ask[:1] == b"" or ask[0] not in IDENTIFIER_BYTES:
        raise ValueError(f"{ask.hex().upper()!r}: only services that read may be asked: {known}")
    if len(ask) != 1 + IDENTIFIER_BYTES[ask[0]]:
        raise ValueError(f"{ask.hex().upper()!r}: expected service {ask[0]:02X} and one identifier of"
                         f" {2 * IDENTIFIER_BYTES[ask[0]]} digits")  # fmt: skip
    return ask


def answer_to(ask: bytes) -> bytes:
    """The first bytes of a positive answer: the service, and the identifier repeated."""
    return bytes([ask[0] + _POSITIVE]) + ask[1:]
