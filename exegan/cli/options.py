"""Options that several commands share: where results go, how they are signed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from exegan.errors import InputError, MaskError

if TYPE_CHECKING:
    from exegan.faces.exemplars import ExemplarWord
    from exegan.io.signing import Signer
    from exegan.masks.hole import Hole

T = TypeVar("T")


def _allow_megapixels(most: float | None) -> float | None:
    if most is not None:
        from exegan.io import MAX_MEGAPIXELS

        os.environ[MAX_MEGAPIXELS] = str(most)  # processes that this one starts obey it, too
    return most


MaxMegapixelsOption = Annotated[
    float | None,
    typer.Option(min=0, max=178, callback=_allow_megapixels, help="Decoded at once, by all threads together [120]."),
]


def missing_extra(error: ModuleNotFoundError, extra: str) -> InputError:
    """The error of a command whose packages are not installed."""
    return InputError(f"{error.name} is not installed; install it with: pip install 'exegan[{extra}]'")


def check_hole(hole: Hole, words: Iterable[ExemplarWord], face: str, size_hw: tuple[int, int]) -> None:
    """Refuse what cannot be completed before anything that takes seconds is loaded.

    Args:
        hole: Of the options `--mask`, `--region`, `--grow` and `--invert`.
        words: The exemplars.
        face: `--face`.
        size_hw: Height and width of the photo.

    Raises:
        InputError: An exemplar does not exist, or `face` is no choice.
        MaskError: There is no hole, or the mask has another size than the photo.
    """
    from exegan.faces.exemplars import parse_faces
    from exegan.io import check_mask
    from exegan.masks.editing import invert
    from exegan.masks.hole import NO_HOLE, AllBut, Regions

    words = list(words)
    if isinstance(hole, Regions):
        if hole.names is None and not any(word.has_regions for word in words):
            raise MaskError(NO_HOLE)
    else:
        check_mask(invert(hole.mask) if isinstance(hole, AllBut) else hole, size_hw)
    if face not in ("auto", "all"):
        parse_faces(face)
    for word in words:
        if "://" not in word.path and not Path(word.path).exists():
            raise InputError(f"the exemplar {word.path} does not exist; check its path")


def progress(items: Iterable[T], total: int, unit: str) -> Iterable[T]:
    """The items as they come, counted on a terminal's stderr where there are several."""
    from tqdm import tqdm

    counted: Iterable[T] = tqdm(items, total=total, unit=unit, disable=None if total > 1 else True)
    return counted


def check_new_output(output: Path, *inputs: Path) -> None:
    """Make sure that a picture can be written there and replaces none of the inputs.

    Raises:
        InputError: See `exegan.io.check_output`; or the output is one of the inputs.
    """
    from exegan.io import check_output

    check_output(output)
    if any(output.exists() and path.exists() and output.samefile(path) for path in inputs):
        raise InputError(f"the output {output} is one of the inputs; give another name, so that nothing is lost")


CertificateOption = Annotated[
    Path | None, typer.Option(help="Sign outputs as C2PA with this certificate chain (PEM), the signer's first.")
]
KeyOption = Annotated[Path | None, typer.Option(help="Its private key (PEM), without a password.")]
TsaOption = Annotated[
    str | None, typer.Option(metavar="URL", help="Ask this time-stamp server for each signature [nobody].")
]


def make_signer(
    certificates: Path | None, key: Path | None, tsa_url: str | None, outputs: Iterable[str | Path]
) -> Signer | None:
    """What signs; None where signing was not asked for.

    Args:
        certificates: `--c2pa-cert`.
        key: `--c2pa-key`.
        tsa_url: `--c2pa-tsa`.
        outputs: All that is to be signed.

    Raises:
        ConfigError: The extra `c2pa` is not installed.
        InputError: One of the first two is missing or unfit, or an output's format cannot be signed.
    """
    if certificates is None and key is None and tsa_url is None:
        return None
    if certificates is None or key is None:
        raise InputError("signing takes a certificate and its key; give both --c2pa-cert and --c2pa-key, or neither")
    from exegan.io.signing import Signer, check_signable

    for output in outputs:
        check_signable(output)
    return Signer(certificates, key, tsa_url)
