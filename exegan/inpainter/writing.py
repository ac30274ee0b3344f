"""A completed photo into a file: everything the photo's file had, and the mark of an edited picture."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from exegan.images import Photo, write_photo
from exegan.provenance import Provenance, marked_packet


def write_completed(
    photo: Photo,
    completed: Image.Image,
    path: str | Path,
    *,
    seed: int,
    model_sha256: str | None,
    quality: int | None = None,
) -> list[str]:
    """Write a photo whose completed pixels replace its own.

    Args:
        photo: As its file has it.
        completed: RGB of the photo's size; where it equals `photo.image`, the file's own pixels stay.
        path: Where to; arguments, notes and errors as for `images.write_photo`.
        seed: For the mark.
        model_sha256: For the mark (`Inpainter.model_sha256`).
        quality: As for `images.write_photo`.
    """
    packet = marked_packet(photo.xmp, Provenance(model_sha256, seed))
    return write_photo(photo.replaced(completed), path, quality, packet)
