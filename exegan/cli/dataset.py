"""Commands on sets of faces: `prepare`, `mask-set`, `evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from exegan.errors import InputError


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


def mask_set(
    name: Annotated[str, typer.Argument(help="irregular-SIDE, such as irregular-256.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder for the masks, white = hole.")],
    count: Annotated[int, typer.Option(help="Masks in each bin of irregular holes.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same masks.")] = 0,
) -> None:
    """Generate a frozen set of masks; results name its hash."""
    from exegan.evaluation.mask_set import write_mask_set

    written = write_mask_set(name, output, count, seed)
    hashes = (f"{bin_name} {digest[:16]}" for bin_name, digest in written.sha256.items())
    typer.echo(f"wrote {sum(written.counts.values())} masks to {output} (sha256 of {', '.join(hashes)})")


def evaluate(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results; the same again goes on.")],
    model: Annotated[str | None, typer.Argument(help="'default' (bundled), a model folder or an ONNX folder.")] = None,
    data: Annotated[str | None, typer.Option(help="Aligned faces: folder, zip or parquet.")] = None,
    masks: Annotated[Path | None, typer.Option(help="Mask set, as 'exegan mask-set' writes it.")] = None,
    completed: Annotated[Path | None, typer.Option(help="Pictures that any program completed, instead.")] = None,
    truth: Annotated[Path | None, typer.Option(help="The true pictures, of the same names.")] = None,
    exemplars: Annotated[Path | None, typer.Option(help="Exemplars, of the same names.")] = None,
    images: Annotated[int | None, typer.Option(min=3, help="The first so many faces by name [all].")] = None,
    bins: Annotated[
        list[str] | None, typer.Option("--bin", help="Bin of the mask set, repeatable [0-20 to 60-80].")
    ] = None,
    net: Annotated[
        list[str] | None,
        typer.Option(help="Metrics' network, NAME or NAME=FILE, repeatable; or none [inception, lpips-alex, facenet]."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(help="Regular expression whose captures in a face's name are its group: figures by group too."),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(help="Simple filling as a row, repeatable: mean-colour, telea, biharmonic [the first two]."),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Put the model's picture into the hole as it is, without paste-back.")
    ] = False,
    exemplar_strength: Annotated[float, typer.Option(help="1 = the exemplar rules its layers, 0 = chance.")] = 1.0,
    truncation_psi: Annotated[float, typer.Option(help="1 = as trained, towards 0 less variety.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of pairs, random numbers and intervals.")] = 0,
    backend: Annotated[str, typer.Option(help="Of the model: torch, or onnx for an ONNX folder.")] = "torch",
    device: Annotated[str, typer.Option(help="Where all networks run: auto, cpu, cuda or mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json instead of the table.")] = False,
) -> None:
    """Measure a model, or pictures of any other program, in a way that others can repeat."""
    from exegan.evaluation.mask_set import IRREGULAR
    from exegan.evaluation.methods import DEFAULT_BASELINES
    from exegan.evaluation.report import make_markdown
    from exegan.evaluation.run import Choices, evaluate_folders, evaluate_model

    baselines = tuple(baseline or DEFAULT_BASELINES)
    choices = Choices(
        networks=_networks(net),
        images=images,
        bins=tuple(bins or IRREGULAR),
        seed=seed,
        group=group,
        baselines=baselines,
        raw=raw,
        exemplar_strength=exemplar_strength,
        truncation_psi=truncation_psi,
        backend=backend,
        device=device,
    )
    if model and data and masks and not (completed or truth or exemplars):
        results = evaluate_model(model, data, masks, output, choices)
    elif completed and truth and not (model or data):
        results = evaluate_folders(completed, truth, output, choices, masks=masks, exemplars=exemplars)
    else:
        raise InputError("give either MODEL --data FACES --masks SET, or --completed FOLDER --truth FOLDER")
    typer.echo(json.dumps(results, indent=2) if as_json else make_markdown(results), nl=as_json)


def _networks(named: list[str] | None) -> dict[str, str | None] | None:
    if not named or named == ["none"]:
        return {} if named else None
    pairs = (text.partition("=") for text in named)
    return {name: path or None for name, _, path in pairs}
