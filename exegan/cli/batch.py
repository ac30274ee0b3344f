"""`exegan batch`: folders and tables of photos."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Literal

import typer

from exegan.cli.options import CertificateOption, KeyOption, MaxMegapixelsOption, TsaOption, make_signer
from exegan.errors import InputError, Interrupted

_EXEMPLARS_HELP = (
    "Folder of exemplars named as the photos, or one picture or saved style. As for inpaint, several are averaged,"
    " 0=PLACE is for face 0 alone, eyes+mouth=PLACE for these regions, PLACE#1 means face 1 in each."
)


def batch(
    photos: Annotated[
        str | None, typer.Argument(help="Folder of photos, searched with all below it; may be a URL.")
    ] = None,
    masks: Annotated[
        str | None, typer.Option(help="Folder of masks named as the photos, a picture, or region:NAME.")
    ] = None,
    exemplars: Annotated[list[str] | None, typer.Option(help=_EXEMPLARS_HELP)] = None,
    exemplars_b: Annotated[
        list[str] | None, typer.Option(help="Second exemplars, for the finer layers, as --exemplars.")
    ] = None,
    mix_at: Annotated[int | None, typer.Option(help="Layer from which the second one rules [the middle].")] = None,
    output: Annotated[str, typer.Option("-o", "--output", help="Folder of the outputs and of manifest.jsonl.")] = "",
    pairs: Annotated[
        str | None,
        typer.Option(
            help="Instead of folders: a .csv, .jsonl or .parquet with photo, mask, exemplar, see docs/batch.md."
        ),
    ] = None,
    grow: Annotated[int, typer.Option(help="Widen every hole by so many pixels; negative narrows it.")] = 0,
    invert: Annotated[bool, typer.Option("--invert", help="Complete all but the mask or region.")] = False,
    face: Annotated[str, typer.Option(help="Number from the left, 0,2, all, or auto: what the mask touches.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of the first sample.")] = 0,
    exemplar_strength: Annotated[
        float, typer.Option(min=0, max=1, help="1 = the exemplar rules its layers, 0 = chance.")
    ] = 1.0,
    strength: Annotated[float | None, typer.Option(min=0, max=1, hidden=True)] = None,  # the name before 0.2
    samples: Annotated[int, typer.Option(min=1, help="Completions of each photo, with seeds counting up.")] = 1,
    pick: Annotated[
        Literal["all", "best"], typer.Option(help="Keep all samples, or each photo's best-scored.")
    ] = "all",
    identity_net: Annotated[str | None, typer.Option(help="Measures identities: mobilefacenet=FILE.")] = None,
    truncation_psi: Annotated[float, typer.Option(help="1 = none; towards 0 less variety.")] = 1.0,
    aligned: Annotated[bool, typer.Option("--aligned", help="Pictures are aligned square faces already.")] = False,
    format_: Annotated[str, typer.Option("--format", help="Extension of the outputs.")] = "png",
    quality: Annotated[int | None, typer.Option(min=1, max=100, help="Of JPEG and WebP.")] = None,
    c2pa_cert: CertificateOption = None,
    c2pa_key: KeyOption = None,
    c2pa_tsa: TsaOption = None,
    model: Annotated[str, typer.Option(help="'default' (bundled), a model folder or an ONNX folder.")] = "default",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    backend: Annotated[str, typer.Option(help="torch or onnx.")] = "torch",
    batch_size: Annotated[int, typer.Option(min=1, help="Photos that are completed together.")] = 8,
    workers: Annotated[int, typer.Option(min=1, help="Threads that read and write; with ray, processes.")] = 2,
    max_megapixels: MaxMegapixelsOption = None,
    engine: Annotated[str, typer.Option(help="threads, or ray for a cluster.")] = "threads",
    address: Annotated[str | None, typer.Option(help="Of the Ray cluster.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do again what changed, replace other files.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what failed before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and every problem, load nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar, no summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Complete a folder or a table of photos; the same command does what is missing."""
    from exegan.batch.manifest import Settings
    from exegan.batch.pairing import plan_batch
    from exegan.batch.run import run_batch

    if strength is not None:
        typer.echo("exegan: --strength is called --exemplar-strength; the old name goes with version 0.2", err=True)
        exemplar_strength = strength
    if not output:
        raise InputError("no output folder was given, expected -o OUT; add it")
    if mix_at is not None and not exemplars_b and not pairs:
        raise InputError("mixing needs second exemplars; give them as --exemplars-b")
    plan = plan_batch(
        photos,
        masks,
        exemplars or (),
        pairs,
        exemplars_b=exemplars_b or (),
        output=output,
        face=face,
        seed=seed,
        exemplar_strength=exemplar_strength,
        samples=samples,
        pick_best=pick == "best",
        suffix=f".{format_.lstrip('.')}",
    )
    signer = make_signer(c2pa_cert, c2pa_key, c2pa_tsa, (item.output for item in plan.items))
    if dry_run:
        _print(plan.report() if as_json else str(plan))
        raise typer.Exit(1 if plan.problems else 0)
    settings = Settings(
        model=model,
        device=device,
        precision=precision,
        backend=backend,
        aligned=aligned,
        truncation_psi=truncation_psi,
        grow=grow,
        invert=invert,
        mix_at=mix_at,
        identity_net=identity_net,
        quality=quality,
        batch_size=batch_size,
        signer=signer,
    )
    summary = run_batch(
        plan,
        output,
        settings,
        engine=engine,
        address=address,
        workers=workers,
        overwrite=overwrite,
        retry_failed=retry_failed,
        show_progress=not (quiet or as_json),
    )
    if not quiet:
        _print(summary.report() if as_json else str(summary))
    if summary.stopped:
        raise Interrupted(
            f"stopped after {summary.done} of {summary.planned} items; the same command goes on from there"
        )
    raise typer.Exit(summary.exit_code)


def _print(what: dict[str, Any] | str) -> None:
    text = what if isinstance(what, str) else json.dumps(what)
    encoding = sys.stdout.encoding or "utf-8"  # names may have characters that it lacks
    typer.echo(text.encode(encoding, "backslashreplace").decode(encoding))
