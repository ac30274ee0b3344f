"""`exegan demo`: the page in a browser."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from exegan.cli.options import missing_extra
from exegan.errors import Interrupted
from exegan.web.options import ServerOptions, parse_size, read_accounts


def demo(
    model: Annotated[str, typer.Option(help="'default' (bundled) or a model folder.")] = ServerOptions.model,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = ServerOptions.device,
    host: Annotated[
        str, typer.Option(envvar="GRADIO_SERVER_NAME", help="Address to listen on; 0.0.0.0 = every network.")
    ] = ServerOptions.host,
    port: Annotated[int, typer.Option(envvar="GRADIO_SERVER_PORT", help="Port to listen on.")] = ServerOptions.port,
    auth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Let in only who is in this file: lines of user:password.")
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="Also a public address for a week, through gradio.live.")
    ] = ServerOptions.share,
    max_file_size: Annotated[
        str, typer.Option(metavar="SIZE", help="Of one uploaded picture, as 500kb or 30mb.")
    ] = f"{ServerOptions.max_file_size // 2**20}mb",
    max_pixels: Annotated[
        int, typer.Option(metavar="N", help="Of one picture, a third of what one request may name.")
    ] = ServerOptions.max_pixels,
    max_waiting: Annotated[int, typer.Option(metavar="N", help="Requests in the queue.")] = ServerOptions.max_waiting,
    root_path: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Where a proxy puts the page, as /exegan or https://example.org/exegan."),
    ] = ServerOptions.root_path,
) -> None:
    """Serve the page in which a face is completed in a browser, until interrupted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    options = ServerOptions(
        model=model,
        device=device,
        host=host,
        port=port,
        accounts=None if auth is None else read_accounts(auth),
        share=share,
        max_file_size=parse_size(max_file_size),
        max_pixels=max_pixels,
        max_waiting=max_waiting,
        root_path=root_path,
    )
    options.check()
    if options.is_open_to_others and "SPACE_ID" not in os.environ:  # a hosted Space is open on purpose
        warning = "other machines can reach the page and anybody there can use it; --auth FILE asks for a password"
        typer.echo(f"exegan: {warning}", err=True)
    try:
        from exegan.web.app import run
    except ModuleNotFoundError as error:
        raise missing_extra(error, "demo") from error
    try:
        run(options)
    except KeyboardInterrupt:
        raise Interrupted("the page was stopped") from None
