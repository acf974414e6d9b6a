# SPDX-License-Identifier: MPL-2.0
"""A certificate authority of the test's own, and certificates by it."""
from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID


class Authority:
    """Writes NAME-ca.pem, and for each `certificate` its .pem and .key, into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name, self.key = folder, name, ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.own = self._signed(self.subject, self.key.public_key(), ca=True, names=[])
        self.path = folder / f"{name}-ca.pem"
        self.path.write_bytes(self.own.public_bytes(serialization.Encoding.PEM))

    def certificate(self, name: str, addresses: list[str], ocsp: str = "") -> tuple[Path, Path]:
        """(certificate, key) of a server that is reached at these addresses; the key is readable by its owner alone.
        `ocsp` is where the authority tells whether it is revoked."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address(a)) if a[0].isdigit() else x509.DNSName(a) for a in addresses]
        made = self._signed(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key(), ca=False, names=names, ocsp=ocsp)
        certificate, secret = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        secret.chmod(0o600)
        return certificate, secret

    @contextmanager
    def telling(self, certificate: Path, port: int) -> Iterator[None]:
        """openssl as this authority's OCSP responder; it knows of one certificate and that it is good."""
        told, secret, index = (self.folder / f"{self.name}-{name}" for name in ("told.log", "ca.key", "index.txt"))
        secret.touch(0o600)
        secret.write_bytes(self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        made = x509.load_pem_x509_certificate(certificate.read_bytes())
        serial = f"{made.serial_number:X}"
        index.write_text(f"V\t{made.not_valid_after_utc:%y%m%d%H%M%SZ}\t\t{serial.zfill(len(serial) + len(serial) % 2)}\tunknown\t/CN={certificate.stem}\n")
        with open(told, "wb") as log:
            process = subprocess.Popen(["openssl", "ocsp", "-index", str(index), "-port", str(port), "-rsigner", str(self.path), "-rkey", str(secret), "-CA", str(self.path)],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, ca: bool, names: list[x509.GeneralName], ocsp: str = "") -> x509.Certificate:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self.subject).public_key(key).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if ocsp:
            responder = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp))
            made = made.add_extension(x509.AuthorityInformationAccess([responder]), critical=False)
        return made.sign(self.key, hashes.SHA256())
