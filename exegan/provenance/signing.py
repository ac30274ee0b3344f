"""C2PA signing: a manifest, signed with a person's certificate, put into a picture file (extra `c2pa`)."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from exegan.errors import InputError
from exegan.provenance.credentials import Credentials
from exegan.provenance.library import library, local_context
from exegan.provenance.manifest import UNKNOWN_FORMAT, definition, mime_of
from exegan.provenance.mark import Provenance

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
# What the ingredient is called inside its manifest; its file name is nobody's business.
_PARENT = {"title": "photo", "relationship": "parentOf", "label": "photo"}


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
class Signer:
    """Signs pictures; may be used by several threads.

    Args:
        certificates: PEM file of the chain, the signer's own certificate first.
        key: PEM file of its private key, without a password.
        tsa_url: Time-stamp server (RFC 3161) that is asked for each picture; None asks nobody.

    Raises:
        ConfigError: The extra `c2pa` is not installed.
        InputError: A file is missing or broken, the key fits not the certificate, or C2PA does not accept either.
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
        signed = path.with_name(f"{path.name}.c2pa")
        try:
            with path.open("rb") as source, signed.open("w+b") as target, photo.open("rb") as parent:
                self._sign(source, target, mime, provenance, parent, self.tsa_url)
            os.replace(signed, path)
        finally:
            with contextlib.suppress(OSError):
                signed.unlink(missing_ok=True)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificates, which tells one signer from another, as hex digits."""
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
        c2pa, given = library(), self._credentials
        try:
            info = c2pa.C2paSignerInfo(given.algorithm, given.chain, given.private_key, tsa_url)
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
