"""`exegan style`: an exemplar's style, to use again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from exegan.errors import InputError
from exegan.faces.words import parse_exemplars


def style(
    face: Annotated[list[str], typer.Argument(help="Photos of one person; PHOTO#1 means face 1 in it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write, NAME.safetensors.")],
    aligned: Annotated[bool, typer.Option("--aligned", help="The photos are aligned square faces.")] = False,
    model: Annotated[str, typer.Option(help="'default' (bundled), a model folder or an ONNX folder.")] = "default",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    backend: Annotated[str, typer.Option(help="torch, or onnx for a folder that 'exegan onnx' wrote.")] = "torch",
    as_json: Annotated[bool, typer.Option("--json", help="Print a report as JSON.")] = False,
) -> None:
    """Encode a face, or several photos of it, once: 'exegan inpaint --exemplar' takes the file in place of a photo."""
    from exegan.inpainter import Inpainter, check_style_output, save_style
    from exegan.inpainter.style import read_exemplar

    check_style_output(output)
    words = parse_exemplars(face)
    if any(word.key is not None for word in words):
        raise InputError("a style is made for no face or region in particular; leave out what stands before '='")
    exemplars = [read_exemplar(Path(word.path), word.face) for word in words]
    encoded = Inpainter.from_pretrained(model, device, backend=backend).make_style(exemplars, aligned=aligned)
    save_style(encoded, output)
    if as_json:
        typer.echo(json.dumps({"output": str(output), **encoded.report()}))
    else:
        typer.echo(
            "; ".join(
                [f"wrote {output} (style of {len(words)} {'photo' if len(words) == 1 else 'photos'})", *encoded.remarks]
            )
        )
