"""Authorities and certificates of a test, as OpenSSL would make them, in PEM files."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    certificate: Path
    key: Path
    sha256: bytes


class CertificateAuthority:
    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, name, self._key, 30 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        signed = builder.add_extension(usage, critical=True).sign(self._key, SHA256())
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(signed.public_bytes(Encoding.PEM))

    def issue(self, *names: str, days: float = 1, password: bytes | None = None, is_client: bool = True) -> Issued:
        """names: common names of the subject; days: until it expires."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(self._name, names, key, days * DAY)
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if is_client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        certificate = builder.sign(self._key, SHA256())
        stem = self._folder / f"{certificate.serial_number:x}"
        locked: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
        paths = stem.with_suffix(".crt"), stem.with_suffix(".key")
        paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        paths[1].chmod(0o600)
        return Issued(*paths, certificate.fingerprint(SHA256()))

    def trusting(self, client: Issued | None = None) -> ssl.SSLContext:
        """A client's side of TLS that trusts this authority, and shows a certificate if it has one."""
        context = ssl.create_default_context(cafile=str(self.path))
        if client:
            context.load_cert_chain(client.certificate, client.key)
        return context


def _builder(
    issuer: str, subject: str | tuple[str, ...], key: ec.EllipticCurvePrivateKey, lasts: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    names = (subject,) if isinstance(subject, str) else subject
    return (
        x509.CertificateBuilder()
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now + lasts)
    )
