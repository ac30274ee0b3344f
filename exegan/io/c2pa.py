"""C2PA manifests: read, checked, and found together with the marks in XMP."""

from __future__ import annotations

import io
import json
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from exegan._version import __version__
from exegan.errors import ConfigError, InputError
from exegan.io.xmp import DIGITAL_SOURCE_TYPE, Provenance, read_packet

# Nothing is fetched from anywhere: no manifests, no revocation lists; and no small copy of the photo goes into a
# manifest, since it would show what was edited away.
_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
# Every manifest store begins with a description box of this type (C2PA 2.2, 11.1.4.1), in whatever file.
_STORE = b"c2pa" + bytes.fromhex("00110010800000aa00389b71")
UNKNOWN_FORMAT = "application/octet-stream"
_MODEL, _SEED = "exegan.model", "exegan.seed"
# A certificate that is on no trust list: exegan has no such list, so this code is not about the picture.
_ABOUT_SIGNER = ("signingCredential.", "timeStamp.", "claimSignature.outsideValidity")
_UNKNOWN_SIGNER = "signingCredential.untrusted"


def find_marks(path: str | Path, xmp: bytes | None) -> Marks:
    """The marks of a picture file, in its XMP and in its C2PA manifest; nothing is fetched.

    Args:
        path: Picture file.
        xmp: Its XMP packet (`exegan.io.Photo.xmp`).

    Raises:
        InputError: The file cannot be read.
    """
    mark = read_packet(xmp)
    try:
        return Marks(mark, read_manifest(path))
    except ConfigError as error:
        return Marks(mark, None, f"its C2PA manifest was not read: {error}")


@dataclass(frozen=True)
class Marks:
    """The marks of an edited picture.

    Args:
        xmp: The mark in its XMP.
        manifest: Its C2PA manifest.
        unread: Why there is a manifest that was not read.
    """

    xmp: Provenance | None
    manifest: C2paManifest | None
    unread: str | None = None

    @property
    def edit(self) -> Provenance | None:
        """How exegan edited the picture, by its XMP or else by a manifest that fits; None = not marked."""
        if self.xmp is None and self.manifest is not None and self.manifest.is_intact:
            return self.manifest.provenance
        return self.xmp

    def report(self) -> dict[str, Any]:
        """JSON-ready facts."""
        c2pa: dict[str, Any] | None = None
        if self.manifest is not None:
            c2pa = {"intact": self.manifest.is_intact, "signer_trusted": None, **asdict(self.manifest)}
        elif self.unread is not None:
            c2pa = {"unread": self.unread}
        return {"marked": self.edit is not None, **(asdict(self.edit) if self.edit else {}), "c2pa": c2pa}

    def __str__(self) -> str:
        parts = ["is not marked" if self.edit is None else f"was edited by {self.edit}"]
        parts += [str(part) for part in (self.manifest, self.unread) if part is not None]
        return "; ".join(parts)


def read_manifest(path: str | Path) -> C2paManifest | None:
    """The manifest of a picture file, checked against it; None where there is none. Nothing is fetched.

    Raises:
        ConfigError: There is one, and the extra `c2pa` is not installed.
        InputError: The file cannot be read.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"the picture {path} cannot be read ({error}); check the file") from error
    if not holds_manifest(data):
        return None
    c2pa, file = library(), io.BytesIO(data)
    try:
        with local_context() as context, c2pa.Reader(mime_of(file), file, context=context) as found:
            return _parse_store(json.loads(found.json()))
    except c2pa.C2paError as error:
        return C2paManifest(None, None, None, (_clean(error),))


@dataclass(frozen=True)
class C2paManifest:
    """Content of a picture's C2PA manifest, and whether it matches the picture.

    Args:
        signer: Name in the certificate; whether it is to be trusted is not known. None where it cannot be read.
        generator: Program that made the manifest.
        provenance: How exegan edited the picture; None where another program made the manifest.
        failures: Codes of what does not match; none = the picture is as it was signed.
        parents: How many earlier manifests it carries.
    """

    signer: str | None
    generator: str | None
    provenance: Provenance | None
    failures: tuple[str, ...]
    parents: int = 0

    @property
    def is_intact(self) -> bool:
        """Whether the picture and the manifest are as they were signed."""
        return not self.failures

    def __str__(self) -> str:
        if self.is_intact:
            more = f", over {self.parents} earlier" if self.parents else ""
            origin = f"made by {self.generator}, signed by {self.signer}"
            return f"its C2PA manifest is valid ({origin}, whether to trust them is not known{more})"
        codes = ", ".join(self.failures)
        if all(code.startswith(_ABOUT_SIGNER) for code in self.failures):
            return f"the certificate of its C2PA manifest is not valid ({codes})"
        return f"its C2PA manifest is broken: the picture was changed since it was signed ({codes})"


def _parse_store(store: dict[str, Any]) -> C2paManifest:
    manifests: dict[str, Any] = store.get("manifests", {})
    active = manifests.get(store.get("active_manifest", ""), {})
    found = store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    codes = dict.fromkeys(_clean(one.get("code")) for one in found)
    signature = active.get("signature_info", {})
    signer = signature.get("common_name") or signature.get("issuer")
    (generator, *_) = active.get("claim_generator_info") or [{}]
    return C2paManifest(
        _clean(signer) if signer else None,
        _clean(f"{generator.get('name', '')} {generator.get('version', '')}") or None,
        _own_edit(active),
        tuple(code for code in codes if code != _UNKNOWN_SIGNER),
        max(len(manifests) - 1, 0),
    )


def _own_edit(manifest: dict[str, Any]) -> Provenance | None:
    """The edit that exegan recorded, if there is one."""
    for assertion in manifest.get("assertions", []):
        if not assertion.get("label", "").startswith("c2pa.actions"):
            continue
        for action in assertion.get("data", {}).get("actions", []):
            parameters, agent = action.get("parameters") or {}, action.get("softwareAgent")
            if action.get("digitalSourceType") == DIGITAL_SOURCE_TYPE and isinstance(parameters.get(_SEED), int):
                version = agent.get("version") if isinstance(agent, dict) else None
                return Provenance(parameters.get(_MODEL), parameters[_SEED], _clean(version))
    return None


def _clean(text: object) -> str:
    """Text of foreign origin on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def holds_manifest(data: bytes) -> bool:
    """Whether a picture file carries a manifest; needs no library."""
    return _STORE in data


def definition(provenance: Provenance, parent: str) -> dict[str, Any]:
    """A manifest for the builder of c2pa-python.

    Args:
        provenance: How the picture was edited.
        parent: Label of the ingredient that is the photo.
    """
    agent = {"name": "exegan", "version": provenance.version}
    edited = {
        "action": "c2pa.edited",
        "digitalSourceType": DIGITAL_SOURCE_TYPE,
        "softwareAgent": agent,
        "parameters": {
            _SEED: provenance.seed,
            **({_MODEL: provenance.model_sha256} if provenance.model_sha256 else {}),
        },
    }
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [parent]}}
    return {
        "claim_generator_info": [{"name": "exegan", "version": __version__}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [opened, edited]}}],
    }


def mime_of(file: BinaryIO) -> str:
    """Format of a picture file as C2PA calls it; `UNKNOWN_FORMAT` of one that is none, or damaged."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about large pictures
            mime = Image.MIME.get(Image.open(file).format or "", UNKNOWN_FORMAT)
    except Exception:  # decoders raise exceptions of any kind on damaged files
        mime = UNKNOWN_FORMAT
    file.seek(0)
    return "image/jpeg" if mime == "image/mpo" else mime  # phones' photos, with a preview behind


def local_context() -> Any:
    """Settings under which the library keeps to this machine, as its `Context`, to be closed."""
    return library().Context.from_dict(_SETTINGS)


def library() -> Any:
    """The module `c2pa`.

    Raises:
        ConfigError: The extra is not installed.
    """
    try:
        import c2pa
    except ImportError as error:
        raise ConfigError(f"C2PA needs the extra ({error}); run pip install 'exegan[c2pa]'") from error
    return c2pa
