"""`exegan inpaint`: one photo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from exegan.errors import InputError


def inpaint(
    photo: Annotated[Path, typer.Argument(help="Photo to complete, any size.")],
    mask: Annotated[Path, typer.Option(help="Picture of the photo's size, white = hole.")],
    exemplar: Annotated[Path, typer.Option(help="Photo of the face to take the looks from.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write; the format follows the extension.")],
    model: Annotated[str, typer.Option(help="'default' (bundled), a model folder or an ONNX folder.")] = "default",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Same seed, same picture.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    compile_networks: Annotated[
        bool, typer.Option("--compile", help="Use torch.compile: slow first picture, faster later ones.")
    ] = False,
    backend: Annotated[str, typer.Option(help="torch, or onnx for a folder that 'exegan onnx' wrote.")] = "torch",
    as_json: Annotated[bool, typer.Option("--json", help="Print a report as JSON.")] = False,
) -> None:
    """Complete the face under a mask from an exemplar face."""
    from exegan.images import check_output, read_mask, read_photo, save_photo

    check_output(output)
    if any(output.exists() and path.exists() and output.samefile(path) for path in (photo, mask, exemplar)):
        raise InputError(f"the output {output} is one of the inputs; give another name, so that nothing is lost")
    pictures = read_photo(photo), read_mask(mask), read_photo(exemplar)
    from exegan.inpainter import Inpainter

    inpainter = Inpainter.from_pretrained(
        model, device, backend=backend, precision=precision, compile_networks=compile_networks
    )
    result = inpainter.inpaint(*pictures, seed=seed)
    save_photo(result.image, output)
    if as_json:
        typer.echo(json.dumps({"output": str(output), **result.report()}))
    else:
        typer.echo("; ".join([f"wrote {output} (seed {seed}, {sum(result.seconds.values()):.1f} s)", *result.notes()]))
