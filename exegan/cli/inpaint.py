"""`exegan inpaint`: one photo."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from exegan.cli.options import (
    CertificateOption,
    KeyOption,
    MaxMegapixelsOption,
    TsaOption,
    check_hole,
    check_new_output,
    make_signer,
    progress,
)
from exegan.errors import InputError
from exegan.faces.exemplars import ExemplarWord, Key, by_key, parse_exemplars

if TYPE_CHECKING:
    from exegan.inpainter import ContactSheet, Exemplar, Inpainted, Inpainter
    from exegan.inpainter.style import Mixing

# Stages that all samples of a photo have in common.
_SHARED = ("detect", "encode_exemplar")
_EXEMPLAR_HELP = (
    "Photo (or saved style) of the face to take the looks from; PHOTO#1 means face 1 in it. Several of one person are"
    " averaged; 0=PHOTO is for face 0 alone, eyes+mouth=PHOTO for these regions, 0:eyes=PHOTO for both."
)


class Outputs(NamedTuple):
    """Where things go: the completions, and the contact sheets that are wanted."""

    paths: list[Path]
    sheet: Path | None = None
    sweep: Path | None = None


def read_exemplars(words: Sequence[ExemplarWord]) -> dict[Key, Exemplar]:
    """Photos and styles in the order given; several for the same are of one person.

    Raises:
        InputError: A file is missing, damaged or something else.
    """
    from exegan.inpainter.style import read_exemplar

    return dict(by_key(words, lambda word: read_exemplar(Path(word.path), word.face)))


def encode_mixing(
    inpainter: Inpainter,
    exemplars: dict[Key, Exemplar],
    fine: Sequence[ExemplarWord],
    at: int | None,
    sweep: bool,
    aligned: bool,
) -> Mixing | None:
    """The mixing that was asked for, encoded; None where there is no second exemplar.

    Args:
        inpainter: Encodes them.
        exemplars: The first, for all faces.
        fine: The second.
        at: The layer; None = the middle one.
        sweep: Mixing at every layer is asked for.
        aligned: Photos are aligned faces themselves.

    Raises:
        InputError: Something is missing, or one of the two is not for all faces.
    """
    if not fine and (sweep or at is not None):
        raise InputError("mixing needs a second exemplar; give it as --exemplar-b")
    if not fine:
        return None
    from exegan.inpainter.style import Mixing

    coarse, second = (
        {key: inpainter.make_style(one, aligned=aligned) for key, one in given.items()}
        for given in (exemplars, read_exemplars(fine))
    )
    return Mixing.of(coarse, second, at)


def inpaint(
    photo: Annotated[Path, typer.Argument(help="Photo to complete, any size.")],
    exemplar: Annotated[list[str], typer.Option(help=_EXEMPLAR_HELP)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write; the format follows the extension.")],
    mask: Annotated[Path | None, typer.Option(help="Picture of the photo's size, white = hole.")] = None,
    region: Annotated[str | None, typer.Option(help="In place of a mask: eyes+mouth, lower-face, face...")] = None,
    grow: Annotated[int, typer.Option(help="Widen the hole by so many pixels; negative narrows it.")] = 0,
    invert: Annotated[bool, typer.Option("--invert", help="Complete all but the mask or region.")] = False,
    face: Annotated[str, typer.Option(help="Number from the left, 0,2, all, or auto: what the mask touches.")] = "auto",
    aligned: Annotated[bool, typer.Option("--aligned", help="Photo and exemplars are aligned square faces.")] = False,
    exemplar_strength: Annotated[float, typer.Option(help="1 = the exemplar rules its layers, 0 = chance.")] = 1.0,
    exemplar_b: Annotated[list[str] | None, typer.Option(help="Second exemplar, for the finer layers.")] = None,
    mix_at: Annotated[int | None, typer.Option(help="Layer from which the second one rules [the middle].")] = None,
    mix_sweep: Annotated[Path | None, typer.Option(help="Contact sheet of mixing at every layer.")] = None,
    truncation_psi: Annotated[float, typer.Option(help="1 = as trained, towards 0 less variety.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Same seed, same picture.")] = 0,
    samples: Annotated[int, typer.Option(min=1, help="Completions, of seed, seed + 1 and so on: NAME_0, NAME_1.")] = 1,
    pick: Annotated[Literal["all", "best"], typer.Option(help="Keep all samples, or the best-scored one.")] = "all",
    sheet: Annotated[Path | None, typer.Option(help="Contact sheet of the samples.")] = None,
    quality: Annotated[int | None, typer.Option(min=1, max=100, help="Of JPEG, WebP, AVIF [the photo's own].")] = None,
    identity_net: Annotated[str | None, typer.Option(help="Measures identities: mobilefacenet=FILE.")] = None,
    model: Annotated[str, typer.Option(help="'default' (bundled), a model folder or an ONNX folder.")] = "default",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    compile_networks: Annotated[
        bool, typer.Option("--compile", help="Use torch.compile: slow first picture, faster later ones.")
    ] = False,
    backend: Annotated[str, typer.Option(help="torch, or onnx for a folder that 'exegan onnx' wrote.")] = "torch",
    c2pa_cert: CertificateOption = None,
    c2pa_key: KeyOption = None,
    c2pa_tsa: TsaOption = None,
    max_megapixels: MaxMegapixelsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a report as JSON.")] = False,
) -> None:
    """Complete faces of a photo under a mask, or regions of them, from exemplar faces."""
    from exegan.io.files import sample_paths

    words, words_b = parse_exemplars(exemplar), parse_exemplars(exemplar_b)
    outputs = Outputs(sample_paths(output, 1 if pick == "best" else samples), sheet, mix_sweep)
    _check_outputs(outputs, [photo, *([mask] if mask else []), *(Path(word.path) for word in (*words, *words_b))])
    signer = make_signer(c2pa_cert, c2pa_key, c2pa_tsa, outputs.paths)
    from exegan.io import open_photo
    from exegan.masks.hole import read_hole

    picture, hole = open_photo(photo), read_hole(mask, region, grow, invert)
    check_hole(hole, [*words, *words_b], face, picture.image.size[::-1])
    from exegan.inpainter import (
        ContactSheet,
        Inpainter,
        Options,
        pick_best,
        report_samples,
        sweep_sheet,
        write_samples,
    )
    from exegan.io import save_photo

    exemplars = read_exemplars(words)
    options = Options(exemplar_strength, truncation_psi)
    inpainter = Inpainter.from_pretrained(
        model,
        device,
        backend=backend,
        precision=precision,
        compile_networks=compile_networks,
        identity_net=identity_net,
    )
    mixing = encode_mixing(inpainter, exemplars, words_b, mix_at, bool(mix_sweep), aligned)
    plan = inpainter.plan(picture, hole, mixing.style() if mixing else exemplars, face=face, aligned=aligned)
    reports: list[dict[str, Any]] = []
    thumbnails = ContactSheet(plan) if sheet else None
    drawn = progress(inpainter.sample(plan, samples, seed, options), samples, "sample")
    results, best = _noted(drawn, reports, thumbnails), None
    if pick == "best":
        picked = pick_best(results)
        results, best = iter([picked]), picked.seed - seed
    notes = write_samples(results, outputs.paths, quality, signer.of(photo) if signer else None)
    if sheet and thumbnails:
        save_photo(thumbnails.picture(), sheet)
    if mix_sweep and mixing:
        swept = inpainter.sweep(plan, mixing.coarse, mixing.fine, seed, options)
        save_photo(sweep_sheet(plan, progress(swept, len(mixing.coarse.codes) + 1, "layer")), mix_sweep)
    if as_json:
        typer.echo(json.dumps(report_samples(reports, list(map(str, outputs.paths)), best, notes)))
    else:
        typer.echo(_summarise(reports, outputs.paths, best, notes))


def _noted(
    results: Iterable[Inpainted], reports: list[dict[str, Any]], thumbnails: ContactSheet | None
) -> Iterator[Inpainted]:
    """The completions as they come, of which the report and a small picture stay."""
    for result in results:
        reports.append(result.report())
        if thumbnails is not None:
            thumbnails.add(result)
        yield result


def _check_outputs(outputs: Outputs, inputs: Sequence[Path]) -> None:
    """Make sure that all can be written, none is one of the inputs, and none is written twice.

    Raises:
        InputError: Otherwise.
    """
    every = [*outputs.paths, *filter(None, outputs[1:])]
    for number, output in enumerate(every):
        check_new_output(output, *inputs)
        if output.absolute() in [other.absolute() for other in every[:number]]:
            raise InputError(f"the output {output} is asked for twice; give the sheets names of their own")


def _summarise(reports: Sequence[dict[str, Any]], paths: Sequence[Path], best: int | None, notes: Sequence[str]) -> str:
    """One line on what was written.

    Args:
        reports: Of all completions (`Inpainted.report`).
        paths: Where they went: all, or the best one alone.
        best: Its number, if one was picked.
        notes: What their files could not keep.
    """
    reported = reports[best or 0]
    seconds = sum(value for report in reports for stage, value in report["seconds"].items() if stage not in _SHARED)
    seconds += sum(reported["seconds"].get(stage, 0.0) for stage in _SHARED)
    which = f"seed {reported['seed']}" if len(paths) == 1 else f"seeds {reports[0]['seed']} to {reports[-1]['seed']}"
    if best is not None:
        known = all(face["identity_to_exemplar"] is not None for face in reported["faces"])
        reason = "identity, seam and sharpness" if known else "seam and sharpness, without a recognition network"
        which += f", the best of {len(reports)} by {reason}"
    return "; ".join([f"wrote {', '.join(map(str, paths))} ({which}, {seconds:.1f} s)", *reported["notes"], *notes])
