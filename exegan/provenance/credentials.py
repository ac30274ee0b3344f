"""A certificate chain and the private key that belongs to it, read and checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from exegan.errors import InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

_OF_CURVE = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class Credentials:
    """What signs.

    Args:
        chain: Certificates, the signer's own first; PEM.
        private_key: PKCS #8, PEM; no part of the printed form.
        algorithm: `es256`, `es384`, `es512`, `ps256` or `ed25519`, as the key demands.
    """

    chain: bytes
    private_key: bytes = field(repr=False)
    algorithm: str

    @classmethod
    def load(cls, certificates: Path, key: Path) -> Credentials:
        """Read and check both files.

        Raises:
            InputError: One is missing, broken, protected by a password, of a kind that C2PA has not, outside its time,
                or they do not belong together.
        """
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

        chain, private = _load_chain(certificates), _load_key(key)
        spki = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        if chain[0].public_key().public_bytes(*spki) != private.public_key().public_bytes(*spki):
            raise InputError(
                f"the key {key} does not belong to the first certificate of {certificates}; give the key of that one,"
                " and put the signer's certificate first"
            )
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(b"".join(one.public_bytes(Encoding.PEM) for one in chain), pem, _algorithm(private, key))


def _load_chain(path: Path) -> list[Certificate]:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        chain = load_pem_x509_certificates(_read(path, "certificate"))
    except ValueError as error:
        raise InputError(f"{path} holds no certificate in PEM form; give the chain, the signer's first") from error
    for certificate in chain:
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not first <= datetime.now(timezone.utc) <= last:
            times = f"from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
            raise InputError(f"a certificate of {path} is valid {times}, not today; give one that is")
    return chain


def _load_key(path: Path) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(_read(path, "key"), None)
    except TypeError as error:
        raise InputError(f"the key {path} is protected by a password; give one without") from error
    except (ValueError, UnsupportedAlgorithm):
        # Without the cause: what the parser says might quote the file.
        raise InputError(f"{path} holds no private key in PEM form; give the key of the certificate") from None


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the {what} {path} cannot be read ({reason}); check the path") from error


def _algorithm(key: PrivateKeyTypes, path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _OF_CURVE:
        return _OF_CURVE[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise InputError(f"the key {path} is of a kind that C2PA has not; expected P-256, P-384, P-521, RSA or Ed25519")
