"""`exegan prepare`: a training set of raw photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def prepare(
    raw_dir: Annotated[Path, typer.Argument(help="Folder of photos, searched with all below it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the set goes: NAME.zip, or else a folder.")],
    resolution: Annotated[int, typer.Option(help="Side of the faces in pixels.")] = 256,
    workers: Annotated[int | None, typer.Option(help="Processes; 0 = this one alone [one for each CPU].")] = None,
    min_face: Annotated[
        int | None, typer.Option(help="Smallest side of a face's crop in its photo, in pixels [resolution / 2].")
    ] = None,
    all_faces: Annotated[bool, typer.Option("--all-faces", help="Every face of a photo, not the largest one.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a set that prepare made.")] = False,
) -> None:
    """Make a training set of raw photos: find, align and crop the faces; the same command goes on after a stop."""
    from exegan.data.crops import CropOptions
    from exegan.data.prepare import prepare as prepare_set

    options = CropOptions(resolution, min_face, all_faces)
    typer.echo(str(prepare_set(raw_dir, output, options, workers=workers, overwrite=overwrite)))
