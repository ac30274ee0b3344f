"""Serve the page: `python demo/app.py`, then open the address it prints."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

# Before gradio is imported, which reads it then.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
# In a checkout the package lies beside this folder, installed or not.
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from exegan.errors import ExeGanError, InputError


def main() -> None:
    """Serve until interrupted; exit with 2 and one sentence when that is not possible."""
    options = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _check_address(options.host, options.port)
        # Pictures that pass through the page live in a folder of this run and go with it.
        with tempfile.TemporaryDirectory(prefix="exegan-") as folder:
            os.environ["GRADIO_TEMP_DIR"] = folder
            _serve(options)
    except ExeGanError as error:
        print(f"demo/app.py: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="default", help="'default' (bundled) or a model folder")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on (default: this machine only)")
    parser.add_argument("--port", type=int, default=7860, help="port to serve on (default: 7860)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    return parser.parse_args()


def _check_address(host: str, port: int) -> None:
    """Fail early, before seconds of loading.

    Raises:
        InputError: The port is taken, or the host is not an address of this machine.
    """
    try:
        with socket.create_server((host, port)):
            pass
    except (OSError, OverflowError) as error:
        reason = str(getattr(error, "strerror", None) or error).partition(" (")[0].lower()
        raise InputError(f"cannot serve on {host} port {port} ({reason}); give another --port or --host") from error


def _serve(options: argparse.Namespace) -> None:
    from exegan.inpainter import Inpainter

    inpainter = Inpainter.from_pretrained(options.model, options.device)
    try:
        import ui
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name} is not installed; install it with: pip install 'exegan[demo]'") from error

    page = ui.build(inpainter)
    page.launch(
        server_name=options.host,
        server_port=options.port,
        share=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        run_history=False,
        allowed_paths=[],
        max_file_size="30mb",
        show_error=True,
        footer_links=[],
        theme=ui.THEME,
        css=ui.CSS,
        quiet=True,
        prevent_thread_lock=True,
    )
    print(f"exegan is ready on http://{options.host}:{options.port} (stop it with Ctrl+C)", flush=True)
    page.block_thread()


if __name__ == "__main__":
    main()
