"""Signing of results as C2PA: certificates, keys and the manifest that is embedded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from exegan.errors import InputError
from exegan.io.c2pa import UNKNOWN_FORMAT, definition, library, local_context, mime_of
from exegan.io.files import reason, replacing
from exegan.io.xmp import Provenance

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

_OF_CURVE = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
SIGNABLE = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heif",
}
# Name of the ingredient inside the manifest; its file name stays private.
_PARENT = {"title": "photo", "relationship": "parentOf", "label": "photo"}


@dataclass(frozen=True)
class Signer:
    """Signs pictures; may be used by several threads.

    Args:
        certificates: PEM file of the chain, the signer's own certificate first.
        key: PEM file of its private key, without a password.
        tsa_url: Time-stamp server (RFC 3161) that stamps each picture; None = no time stamp.

    Raises:
        ConfigError: The extra `c2pa` is not installed.
        InputError: A file is missing or broken, the key does not match the certificate, or C2PA does not accept either.
    """

    certificates: Path
    key: Path
    tsa_url: str | None = None
    _credentials: Credentials = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        library()
        if self.tsa_url is not None and not self.tsa_url.startswith(("http://", "https://")):
            raise InputError(f"the time-stamp server is {self.tsa_url!r}, expected a URL that begins with http")
        object.__setattr__(self, "_credentials", Credentials.load(self.certificates, self.key))
        self._try_out()

    def sign(self, path: Path, mime: str, provenance: Provenance, photo: Path) -> None:
        """Put a signed manifest into a picture; the file is replaced when that has worked, or left as it was.

        Args:
            path: Picture file, whatever its extension.
            mime: Its format, a value of `SIGNABLE`.
            provenance: How it was edited.
            photo: File of the photo it was made from, which becomes the ingredient, with the manifest it may have.

        Raises:
            InputError: Signing failed, or the time-stamp server did not answer.
        """
        with (
            replacing(path, path.with_name(f"{path.name}.c2pa")) as signed,
            path.open("rb") as source,
            signed.open("w+b") as target,
            photo.open("rb") as parent,
        ):
            self._sign(source, target, mime, provenance, parent, self.tsa_url)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificates as hex digits, which identifies the signer."""
        return hashlib.sha256(self._credentials.chain).hexdigest()

    def of(self, photo: str | Path) -> Signing:
        """The signing of pictures that are made from this photo file."""
        return Signing(self, Path(photo))

    def _try_out(self) -> None:
        """Sign a picture of one pixel, so that what C2PA does not accept is known before any work is done."""
        picture = BytesIO()
        Image.new("RGB", (1, 1)).save(picture, "PNG")
        source, parent = BytesIO(picture.getvalue()), BytesIO(picture.getvalue())
        self._sign(source, BytesIO(), "image/png", Provenance(None, 0), parent, None)

    def _sign(
        self,
        source: BinaryIO,
        target: BinaryIO,
        mime: str,
        provenance: Provenance,
        parent: BinaryIO,
        tsa_url: str | None,
    ) -> None:
        c2pa, credentials = library(), self._credentials
        try:
            info = c2pa.C2paSignerInfo(credentials.algorithm, credentials.chain, credentials.private_key, tsa_url)
            with c2pa.Signer.from_info(info) as signer, local_context() as context:
                builder = c2pa.Builder(definition(provenance, _PARENT["label"]), context=context)
                _add_parent(builder, parent)
                builder.sign(signer, mime, source, target)
        except c2pa.C2paError as error:
            advice = f"check the certificate {self.certificates}"
            if tsa_url is not None:
                advice += f" and that the time-stamp server {tsa_url} can be reached"
            raise InputError(f"the picture cannot be signed ({' '.join(str(error).split())}); {advice}") from error


@dataclass(frozen=True)
class Signing:
    """A signer, and the file of the photo that was edited."""

    signer: Signer
    photo: Path

    def sign(self, path: Path, mime: str, provenance: Provenance) -> None:
        """As `Signer.sign`."""
        self.signer.sign(path, mime, provenance, self.photo)


def _add_parent(builder: Any, photo: BinaryIO) -> None:
    """The photo as the builder's ingredient; one whose own manifest cannot be read goes in without it."""
    try:
        builder.add_ingredient(_PARENT, mime_of(photo), photo)
    except library().C2paError:
        photo.seek(0)
        builder.add_ingredient(_PARENT, UNKNOWN_FORMAT, photo)


def check_signable(path: str | Path) -> None:
    """Make sure that a picture of this name can hold a signature.

    Raises:
        InputError: Its format cannot.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SIGNABLE:
        expected = ", ".join(SIGNABLE)
        raise InputError(f"the output {path} cannot be signed, C2PA has no {suffix[1:].upper()}; use one of {expected}")


@dataclass(frozen=True)
class Credentials:
    """Certificates and key of a signer.

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
        # Without the cause: the message of the parser might quote the file.
        raise InputError(f"{path} holds no private key in PEM form; give the key of the certificate") from None


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"the {what} {path} cannot be read ({reason(error)}); check the path") from error


def _algorithm(key: PrivateKeyTypes, path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _OF_CURVE:
        return _OF_CURVE[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise InputError(f"the key {path} is of a kind that C2PA has not; expected P-256, P-384, P-521, RSA or Ed25519")
