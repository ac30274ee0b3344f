"""A completed photo into a file: everything the photo's file had, and the mark of an edited picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from exegan.images import Photo, write_photo
from exegan.inpainter.result import Inpainted
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
    mark = Provenance(model_sha256, seed)
    packet = marked_packet(photo.xmp, mark)
    if signing is None:
        notes = write_photo(photo.replaced(completed), path, quality, packet)
        return [*notes, _LOST_MANIFEST] if photo.had_manifest else notes
    check_signable(path)
    mime = SIGNABLE[Path(path).suffix.lower()]
    return write_photo(photo.replaced(completed), path, quality, packet, lambda file: signing.sign(file, mime, mark))


def write_samples(
    photo: Photo,
    results: Sequence[Inpainted],
    paths: Sequence[str | Path],
    model_sha256: str | None,
    quality: int | None = None,
    signing: Signing | None = None,
) -> list[str]:
    """Write several completions of one photo; arguments, errors and (once each) notes as for `write_completed`."""
    notes: dict[str, None] = {}
    for result, path in zip(results, paths, strict=True):
        written = write_completed(
            photo,
            result.image,
            path,
            seed=result.seed,
            model_sha256=model_sha256,
            quality=quality,
            signing=signing,
        )
        notes |= dict.fromkeys(written)
    return list(notes)
