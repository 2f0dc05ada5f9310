"""What a broker answers, and why a connection cannot be made or ends: in words, each with its cure.

Reason codes: MQTT 5.0 section 2.4. Those of 3.1.1 (section 3.2.2.3) come here as their counterparts.
"""

from __future__ import annotations

import errno
import socket
import ssl

UNSUPPORTED_VERSION = 0x84
NOT_AUTHORISED = 0x87
QOS_NOT_SUPPORTED = 0x9B
FAILURE = 0x80  # from here on a reason code says no

_REASONS = {
    0x80: ("no reason given", "see the broker's log, and its access rules for this user"),
    0x81: ("malformed packet", "see the broker's log"),
    0x82: ("protocol error", "see the broker's log"),
    0x83: ("a rule of its own", "see the broker's log"),
    0x84: ("it speaks neither MQTT 5 nor 3.1.1", "use a broker that does"),
    0x85: ("client id not valid", "allow it at the broker"),
    0x86: ("bad user name or password", "check username and password_file of [mqtt]"),
    0x87: ("not authorised", "allow it in the broker's access rules for this user"),
    0x88: ("it is not available", "see the broker's log"),
    0x89: ("it is busy", "it is tried again"),
    0x8A: ("this client is banned", "lift the ban at the broker"),
    0x8B: ("it shuts down", "it is tried again"),
    0x8C: ("bad authentication method", "let it take user names or certificates"),
    0x8D: ("keep-alive time-out", "it is tried again; is the line too slow?"),
    0x8E: ("another client has taken this client id over", "does a second program run with these settings?"),
    0x8F: ("topic filter not valid", "allow it at the broker"),
    0x90: ("topic not valid", "allow it at the broker"),
    0x93: ("too many messages at once", "raise its receive maximum"),
    0x94: ("topic alias not valid", "see the broker's log"),
    0x95: ("packet too large", "raise its maximum packet size"),
    0x96: ("messages come too fast", "raise its limit for this client"),
    0x97: ("quota exceeded", "raise its limit for this client"),
    0x98: ("its operator has ended this connection", "ask the operator"),
    0x99: ("payload format not valid", "see the broker's log"),
    0x9A: ("it keeps no retained messages", "allow them at the broker"),
    0x9B: ("it does not take QoS 1", "allow it at the broker"),
    0x9C: ("it names another server", "write that one's address as broker"),
    0x9D: ("it has moved", "write its new address as broker"),
    0x9E: ("it has no shared subscriptions", "use a broker that has them, or one passport service"),
    0x9F: ("connections come too fast", "raise its limit for this client"),
    0xA0: ("the longest time of a connection is over", "it is tried again"),
    0xA1: ("it has no subscription identifiers", "see the broker's log"),
    0xA2: ("it has no wildcards in subscriptions", "allow them at the broker"),
}

_PORT = "does this port speak what the address says, mqtt:// in the clear or mqtts:// over TLS?"

_ALERTS = (
    ("CERTIFICATE_REQUIRED", "asks for a certificate; set certificate and key of [mqtt]"),
    ("UNKNOWN_CA", "does not know who issued our certificate; let it know that authority, or check [mqtt] certificate"),
    ("CERTIFICATE_EXPIRED", "says that our certificate has expired; renew the one of [mqtt]"),
    ("CERTIFICATE_REVOKED", "says that our certificate is revoked; renew the one of [mqtt]"),
    ("BAD_CERTIFICATE", "does not take our certificate; check certificate and key of [mqtt]"),
    ("HANDSHAKE_FAILURE", "ends the TLS handshake; does it ask for a certificate, or offer TLS 1.2 or newer?"),
    ("PROTOCOL_VERSION", "speaks no TLS 1.2 or newer; raise its version"),
    ("WRONG_VERSION_NUMBER", f"ends the connection as it begins; {_PORT}"),
    ("UNEXPECTED_EOF", f"ends the connection as it begins; {_PORT}"),
)

_NETWORK = {
    errno.ECONNRESET: f"ends the connection as it begins; {_PORT}",
    errno.ECONNREFUSED: "does not answer; is it running, and are address and port right?",
    errno.EHOSTUNREACH: "cannot be reached; is the network up?",
    errno.ENETUNREACH: "cannot be reached; is the network up?",
}

_VERIFY_EXPIRED, _VERIFY_NOT_YET, _VERIFY_NAME, _VERIFY_IP = 10, 9, 62, 64  # X509_V_ERR_… of OpenSSL's x509_vfy.h


def reason_words(code: int) -> str:
    """Of a reason code from 0x80 on: "not authorised: allow it in …"."""
    words, cure = _REASONS.get(code, (f"reason code {code:#04x}", "see the broker's log"))
    return f"{words}: {cure}"


def refusal_words(code: int) -> str:
    """The same of a connection: many brokers say "not authorised" of a wrong password, too."""
    if code == NOT_AUTHORISED:
        return "not authorised: check username and password_file of [mqtt], and whether the broker lets this client in"
    return reason_words(code)


def ended_words(*, is_open: bool) -> str:
    """Of a connection that ended without a reason, before or after CONNACK."""
    if is_open:
        return "has ended the connection, or the line was cut; it is tried again"
    return "ends the connection without a word; does it allow this client id, and speak MQTT on this port?"


def lost_soon_words(client_id: str) -> str:
    """Of connections that end one after the other: not every broker tells a client that another has its id."""
    return f"ends each connection within seconds; does a second program run with these settings, as {client_id}?"


def connect_words(error: Exception) -> str:
    """Why no connection could be made: "the broker …" is what goes before."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _verify_words(error)
    if isinstance(error, ssl.SSLError):
        return tls_words(str(error)) or f"ends the TLS handshake: {error.reason or error}; see its log"
    if isinstance(error, socket.gaierror):
        return "is not known by this name; check the address, and that names are resolved"
    if isinstance(error, TimeoutError):
        return f"does not answer in time; is it running, and {_PORT}"
    known = _NETWORK.get(error.errno or 0) if isinstance(error, OSError) else None
    return known or f"does not answer: {error}; is it running, and are address and port right?"


def tls_words(text: str) -> str:
    """Of an alert of the broker's, as OpenSSL words it; empty where there is none in it."""
    return next((words for name, words in _ALERTS if name in text.upper().replace(" ", "_")), "")


def _verify_words(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in {_VERIFY_EXPIRED, _VERIFY_NOT_YET}:
        return "has a certificate that is not valid today; renew it, or set the clock"
    if error.verify_code in {_VERIFY_NAME, _VERIFY_IP}:
        return "has a certificate for another name; use the name in it, or set server_name of [mqtt]"
    return f"has a certificate of no authority known here ({error.verify_message}); set ca of [mqtt] to its authority"
