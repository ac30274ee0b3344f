"""The page on the network: limits, accounts, and the guard before it."""

from __future__ import annotations

import os
from pathlib import Path

import api
import gradio as gr
import ui
from guard import Guard
from options import Options
from starlette.middleware import Middleware
from sweeping import sweep_regularly

from exegan.errors import InputError
from exegan.inpainter import Inpainter
from exegan.io import limit_pixels

PICTURES_AT_ONCE = 3  # of the largest that one request may name: photo, mask, exemplar
SESSIONS_KEPT = 1000  # each takes 0.15 MiB, 150 in all, and every request of a program is one


def serve(inpainter: Inpainter, options: Options) -> gr.Blocks:
    """Serve the page in threads of their own, until its `close`.

    Args:
        inpainter: Completes the photos.
        options: Where and for whom. Pictures pass through the folder GRADIO_TEMP_DIR of the environment.

    Raises:
        InputError: The address was taken in the meantime.
    """
    limit_pixels(options.max_pixels)
    page = ui.build(inpainter)
    with page:
        api.add(inpainter, ui.MODEL_EVENTS)
    sweep_regularly(Path(os.environ["GRADIO_TEMP_DIR"]))
    page.queue(max_size=options.max_waiting, api_open=False)
    guard = Middleware(
        Guard,
        folder=os.environ["GRADIO_TEMP_DIR"],
        max_file_size=options.max_file_size,
        max_pixels=PICTURES_AT_ONCE * options.max_pixels,
        max_waiting=options.max_waiting,
    )
    try:
        page.launch(
            server_name=f"[{options.host}]" if ":" in options.host else options.host,
            server_port=options.port,
            share=options.share,
            auth=None if options.accounts is None else list(options.accounts),
            root_path=options.root_path,
            state_session_capacity=SESSIONS_KEPT,
            max_file_size=options.max_file_size,
            app_kwargs={"middleware": [guard]},
            allowed_paths=[],
            strict_cors=True,
            show_error=False,  # what is meant for a person is a gr.Error, which is shown; other errors name paths
            ssr_mode=False,
            mcp_server=False,
            pwa=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=["api"],
            theme=ui.THEME,
            css=ui.CSS,
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise InputError(f"cannot serve on {options.address} ({error}); give another --port or --host") from error
    return page
