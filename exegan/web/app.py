"""Start the page and serve it: the model, limits, accounts, and the guard in front of Gradio."""

from __future__ import annotations

import ctypes
import os
import platform
import tempfile
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from exegan.errors import InputError
from exegan.inpainter import Inpainter
from exegan.io import limit_pixels
from exegan.web.api import add_endpoint
from exegan.web.events import MODEL_EVENTS
from exegan.web.file_access import delete_regularly
from exegan.web.guard import Guard
from exegan.web.layout import CSS, HEAD, THEME, build
from exegan.web.options import ServerOptions

MAX_PICTURES_PER_REQUEST = 3  # of the largest size that one request may name: photo, mask, exemplar
MAX_SESSIONS = 1000  # each takes 0.15 MiB, 150 in all, and every request of a program is one

# Parameters of glibc's mallopt.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_MMAP_THRESHOLD = 4 * 2**20  # bytes; Pillow keeps pictures in blocks of 16 MiB


def run(options: ServerOptions) -> None:
    """Load the model and serve the page until the process is interrupted.

    Raises:
        ExeGanError: The model cannot be loaded, or the address was taken in the meantime.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    _limit_malloc()
    # Uploads and results lie in a folder of this run and are deleted with it.
    with tempfile.TemporaryDirectory(prefix="exegan-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = os.path.realpath(folder)
        page = serve(Inpainter.from_pretrained(options.model, options.device), options)
        print(f"exegan is ready on {options.address} (stop it with Ctrl+C)", flush=True)
        page.block_thread()


def serve(inpainter: Inpainter, options: ServerOptions) -> gr.Blocks:
    """Serve the page in threads of their own, until its `close`.

    Args:
        inpainter: Completes the photos.
        options: Where and for whom. Uploads and results lie in the folder GRADIO_TEMP_DIR of the environment.

    Raises:
        InputError: The address was taken in the meantime.
    """
    limit_pixels(options.max_pixels)
    page = build(inpainter)
    with page:
        add_endpoint(inpainter, MODEL_EVENTS)
    delete_regularly(Path(os.environ["GRADIO_TEMP_DIR"]))
    page.queue(max_size=options.max_waiting, api_open=False)
    guard = Middleware(
        Guard,
        folder=os.environ["GRADIO_TEMP_DIR"],
        max_file_size=options.max_file_size,
        max_pixels=MAX_PICTURES_PER_REQUEST * options.max_pixels,
        max_waiting=options.max_waiting,
    )
    try:
        page.launch(
            server_name=f"[{options.host}]" if ":" in options.host else options.host,
            server_port=options.port,
            share=options.share,
            auth=None if options.accounts is None else list(options.accounts),
            root_path=options.root_path,
            state_session_capacity=MAX_SESSIONS,
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
            theme=THEME,
            css=CSS,
            head=HEAD,
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise InputError(f"cannot serve on {options.address} ({error}); give another --port or --host") from error
    return page


def _limit_malloc() -> None:
    """Two memory arenas for all threads: glibc has eight per core, and each keeps what a picture once took.

    Large blocks go into none and are given back at once; glibc would soon raise that threshold to 32 MiB by itself.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD)
