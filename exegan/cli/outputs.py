"""What a command may read and where it may write, before it does anything else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from exegan.errors import InputError


def _allow_megapixels(most: float | None) -> float | None:
    if most is not None:
        from exegan.images import MAX_MEGAPIXELS

        os.environ[MAX_MEGAPIXELS] = str(most)  # processes that this one starts obey it, too
    return most


MaxMegapixelsOption = Annotated[
    float | None,
    typer.Option(min=0, max=178, callback=_allow_megapixels, help="Decoded at once, by all threads together [120]."),
]


def check_new_output(output: Path, *inputs: Path) -> None:
    """Make sure that a picture can be written there and replaces none of the inputs.

    Raises:
        InputError: See `images.check_output`; or the output is one of the inputs.
    """
    from exegan.images import check_output

    check_output(output)
    if any(output.exists() and path.exists() and output.samefile(path) for path in inputs):
        raise InputError(f"the output {output} is one of the inputs; give another name, so that nothing is lost")
