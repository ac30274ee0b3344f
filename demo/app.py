"""Serve the page: `python demo/app.py`, then open the address it prints."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path

# Before gradio is imported, which reads it then.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
# In a checkout the package lies beside this folder; elsewhere, on a hosted Space say, it is installed.
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from options import Options, parse

from exegan.errors import ExeGanError, InputError

# Parameters of mallopt: M_ARENA_MAX, M_MMAP_THRESHOLD.
_ARENAS, _GIVEN_BACK = -8, -3
_LARGE = 4 * 2**20  # bytes; Pillow keeps pictures in blocks of 16 MiB


def main() -> None:
    """Serve until interrupted; exit with 2 and one sentence when that is not possible."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        options = parse()
        if options.is_open_to_others and "SPACE_ID" not in os.environ:  # there it is meant so
            _say("other machines can reach the page and anybody there can use it; --auth FILE asks for a password")
        # Pictures that pass through the page live in a folder of this run and go with it.
        with tempfile.TemporaryDirectory(prefix="exegan-") as folder:
            os.environ["GRADIO_TEMP_DIR"] = os.path.realpath(folder)
            _serve(options)
    except ExeGanError as error:
        _say(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _keep_memory_together() -> None:
    """Two pools of memory for all threads; glibc has eight for each core, and each keeps what a picture once took.

    What is large goes into no pool and is given back at once; glibc would soon raise that limit to 32 MiB.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_ARENAS, 2)
        libc.mallopt(_GIVEN_BACK, _LARGE)


def _serve(options: Options) -> None:
    _keep_memory_together()
    from exegan.inpainter import Inpainter

    inpainter = Inpainter.from_pretrained(options.model, options.device)
    try:
        import serving
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name} is not installed; install it with: pip install 'exegan[demo]'") from error

    page = serving.serve(inpainter, options)
    print(f"exegan is ready on {options.address} (stop it with Ctrl+C)", flush=True)
    page.block_thread()


def _say(sentence: str) -> None:
    print(f"demo/app.py: {' '.join(sentence.split())}", file=sys.stderr)


if __name__ == "__main__":
    main()
