"""`exegan onnx`: networks for ONNX Runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def onnx(
    model: Annotated[str, typer.Argument(help="'default' (bundled) or a model folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write; new, empty or an ONNX folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a report as JSON.")] = False,
) -> None:
    """Write a model's networks for ONNX Runtime, checked against PyTorch."""
    from exegan.nets.onnx_export import export_onnx

    report = export_onnx(model, output)
    if as_json:
        typer.echo(json.dumps(report))
    else:
        typer.echo(f"wrote {output} (largest difference to PyTorch {max(report['difference'].values()):.1e})")
