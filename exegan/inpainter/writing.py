"""A completed photo into a file: everything the photo's file had, and the mark of an edited picture."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from exegan.images import Photo, check_output, most_xmp, write_photo
from exegan.provenance import SIGNABLE, Provenance, Signing, check_signable, marked_packet

_LOST_MANIFEST = "its C2PA manifest fits no edited picture and was left out; a signed output would have kept it"


def write_completed(
    photo: Photo,
    completed: Image.Image,
    path: str | Path,
    *,
    seed: int,
    model_sha256: str | None,
    quality: int | None = None,
    signing: Signing | None = None,
) -> list[str]:
    """Write a photo whose completed pixels replace its own.

    Args:
        photo: As its file has it.
        completed: RGB of the photo's size; where it equals `photo.image`, the file's own pixels stay.
        path: Where to; arguments, notes and errors as for `images.write_photo`.
        seed: For the mark.
        model_sha256: For the mark (`Inpainter.model_sha256`).
        quality: As for `images.write_photo`.
        signing: Puts a signed C2PA manifest into the file; None leaves it unsigned. Its errors are those of `Signer`.
    """
    check_output(path)
    mark, lost = Provenance(model_sha256, seed), []
    packet = marked_packet(photo.xmp, mark)
    if len(packet) > most_xmp(path):
        packet = marked_packet(None, mark)
        lost.append("its XMP is too long for JPEG, only the mark is in it")
    edited = photo.replaced(completed)
    if signing is None:
        notes = write_photo(edited, path, quality, packet)
        lost += [_LOST_MANIFEST] if photo.had_manifest else []
    else:
        check_signable(path)
        mime = SIGNABLE[Path(path).suffix.lower()]
        notes = write_photo(edited, path, quality, packet, lambda file: signing.sign(file, mime, mark))
    return [*notes, *lost]
