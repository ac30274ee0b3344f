"""What `demo/app.py` is told on its command line."""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from exegan.errors import InputError

_BYTES = {"kb": 2**10, "mb": 2**20, "gb": 2**30}


@dataclass(frozen=True)
class Options:
    """How the page is served.

    Args:
        model: `default` or a model folder.
        device: auto, cpu, cuda or mps.
        host: Address to serve on.
        port: Its port.
        accounts: Pairs of user and password; None lets everybody in.
        share: Make a public address through Gradio's servers as well.
        max_file_size: Bytes of one upload.
        max_pixels: Of one picture; all of one request together may have three times as many.
        max_waiting: Requests in the queue before new ones are told that the page is busy.
        root_path: Where the page lies behind a proxy, as `/exegan`; None = at its root.
    """

    model: str = "default"
    device: str = "auto"
    host: str = "127.0.0.1"
    port: int = 7860
    accounts: tuple[tuple[str, str], ...] | None = None
    share: bool = False
    max_file_size: int = 30 * 2**20
    max_pixels: int = 60_000_000
    max_waiting: int = 16
    root_path: str | None = None

    @property
    def address(self) -> str:
        """What to type into a browser."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def is_open_to_others(self) -> bool:
        """Whether other machines reach the page, and anybody there may use it."""
        return self.accounts is None and (self.share or not _is_loopback(self.host))


def parse(arguments: list[str] | None = None) -> Options:
    """Options of the command line; GRADIO_SERVER_NAME and _PORT in the environment, as on hosted Spaces, are defaults.

    Raises:
        InputError: A limit is no number above 0, the password file cannot be used, or the address is not to be had.
    """
    parser = argparse.ArgumentParser(description="Serve the page in a browser.")
    environment, d = os.environ.get, Options()
    add = parser.add_argument
    add("--model", default=d.model, help="'default' (bundled) or a model folder")
    add("--device", default=d.device, help="auto, cpu, cuda or mps")
    add("--host", default=environment("GRADIO_SERVER_NAME", d.host), help="address to serve on [this machine only]")
    add("--port", type=int, default=environment("GRADIO_SERVER_PORT", str(d.port)), help=f"port [{d.port}]")
    add("--auth", metavar="FILE", type=Path, help="let in only who is in this file: lines of user:password")
    add("--share", action="store_true", help="also a public address for a week, through gradio.live")
    add("--max-file-size", default="30mb", metavar="SIZE", help="of one uploaded picture, as 500kb or 30mb [30mb]")
    add(
        "--max-pixels",
        type=int,
        default=d.max_pixels,
        metavar="N",
        help=f"of one picture, a third of what one request may name [{d.max_pixels}]",
    )
    add("--max-waiting", type=int, default=d.max_waiting, metavar="N", help=f"requests in the queue [{d.max_waiting}]")
    add("--root-path", metavar="PATH", help="where a proxy puts the page, as /exegan or https://example.org/exegan")
    given = vars(parser.parse_args(arguments))
    auth = given.pop("auth")
    given["max_file_size"] = parse_size(given["max_file_size"])
    for name in ("max_pixels", "max_waiting"):
        if given[name] < 1:
            raise InputError(f"--{name.replace('_', '-')} is {given[name]}, expected at least 1")
    options = Options(**given, accounts=None if auth is None else read_accounts(auth))
    check_address(options.host, options.port)
    return options


def parse_size(text: str) -> int:
    """Bytes of `500kb`, `30mb`, `1gb` or a plain number of bytes.

    Raises:
        InputError: It is none of these, or nothing.
    """
    found = re.fullmatch(r"(\d+)\s*(kb|mb|gb)?", text.strip().lower())
    if not found or not int(found[1]):
        raise InputError(f"--max-file-size is {text!r}, expected a size such as 500kb or 30mb")
    return int(found[1]) * _BYTES.get(found[2] or "", 1)


def read_accounts(path: Path) -> tuple[tuple[str, str], ...]:
    """Users and passwords of a file with a line `user:password` for each.

    Raises:
        InputError: The file cannot be read or anybody can read it, or a line is something else.
    """
    try:
        mode, lines = path.stat().st_mode, path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"the password file {path} cannot be read ({reason}); check its path") from error
    if os.name == "posix" and mode & stat.S_IROTH:
        raise InputError(f"everybody on this machine can read the password file {path}; run: chmod 600 {path}")
    pairs = [(number, *line.partition(":")) for number, line in enumerate(lines, 1) if line.strip()]
    for number, user, _, password in pairs:
        if not user.strip() or not password:  # never say what is in the line
            raise InputError(f"line {number} of the password file {path} is not of the form user:password; correct it")
    if not pairs:
        raise InputError(f"the password file {path} is empty, expected lines of the form user:password")
    return tuple((user.strip(), password) for _, user, _, password in pairs)


def check_address(host: str, port: int) -> None:
    """Fail early, before seconds of loading.

    Raises:
        InputError: The port is taken or none, or the host is not an address of this machine.
    """
    if not 0 < port < 2**16:
        raise InputError(f"--port is {port}, expected 1 to {2**16 - 1}")
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        reason = str(error.strerror or error).partition(" (")[0].lower()
        raise InputError(f"cannot serve on {host} port {port} ({reason}); give another --port or --host") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
