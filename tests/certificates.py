"""Certificate chains made up for a test: an authority, and a signer that it vouches for."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_USES = ("digital_signature", "key_cert_sign", "crl_sign")
_OTHER_USES = (
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "encipher_only",
    "decipher_only",
)


class Chain(NamedTuple):
    """PEM files of the certificates, the signer's first, and of its key."""

    certificates: Path
    key: Path


def write_chain(
    folder: Path,
    key: CertificateIssuerPrivateKeyTypes | None = None,
    *,
    days: tuple[int, int] = (-1, 30),
    password: bytes | None = None,
    use: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
) -> Chain:
    """Make a chain and write it.

    Args:
        folder: Where to; made where missing.
        key: The signer's; None makes one on P-256.
        days: First and last day of the signer's certificate, counted from now.
        password: Of the key file.
        use: What the signer's key may be used for.
    """
    folder.mkdir(exist_ok=True)
    authority = ec.generate_private_key(ec.SECP256R1())
    key = key or ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Authority", authority, authority, (-30, 60), None)
    leaf = _certificate("Somebody", key, authority, days, use)
    locked: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
    chain = Chain(folder / "certificates.pem", folder / "key.pem")
    chain.certificates.write_bytes(leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM))
    chain.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    return chain


def _certificate(
    name: str,
    key: CertificateIssuerPrivateKeyTypes,
    authority: ec.EllipticCurvePrivateKey,
    days: tuple[int, int],
    use: x509.ObjectIdentifier | None,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.timezone.utc)
    allowed = ("key_cert_sign", "crl_sign") if use is None else ("digital_signature",)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name("Authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=use is None, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{one: one in allowed for one in (*_USES, *_OTHER_USES)}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
    )
    if use is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    return builder.sign(authority, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )
