"""Options of the server, and the checks that need neither Gradio nor a model."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from exegan.errors import InputError

_UNITS = {"kb": 2**10, "mb": 2**20, "gb": 2**30}


@dataclass(frozen=True)
class ServerOptions:
    """How the page is served; `exegan demo` has an option for each.

    Args:
        model: `default` or a model folder.
        device: auto, cpu, cuda or mps.
        host: Address to listen on.
        port: Its port.
        accounts: Pairs of user and password; None lets everybody in.
        share: Make a public address through Gradio's servers as well.
        max_file_size: Bytes of one upload.
        max_pixels: Of one picture; all of one request together may have three times as many.
        max_waiting: Requests in the queue before new ones get the response that the page is busy.
        root_path: Path of the page behind a proxy, as `/exegan`; None = the proxy's root.
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
        """URL of the page on this machine."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def is_open_to_others(self) -> bool:
        """Whether other machines reach the page, and anybody there may use it."""
        return self.accounts is None and (self.share or not _is_loopback(self.host))

    def check(self) -> None:
        """Fail early, before seconds of loading.

        Raises:
            InputError: A limit is below 1, the port is taken or out of range, or the host is not an address of this
                machine.
        """
        for name in ("max_pixels", "max_waiting"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name.replace('_', '-')} is {getattr(self, name)}, expected at least 1")
        if not 0 < self.port < 2**16:
            raise InputError(f"--port is {self.port}, expected 1 to {2**16 - 1}")
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            with socket.create_server((self.host, self.port), family=family):
                pass
        except OSError as error:
            reason = str(error.strerror or error).partition(" (")[0].lower()
            raise InputError(
                f"cannot serve on {self.host} port {self.port} ({reason}); give another --port or --host"
            ) from error


def parse_size(text: str) -> int:
    """Bytes of `500kb`, `30mb`, `1gb` or a plain number of bytes.

    Raises:
        InputError: It is none of these, or zero.
    """
    found = re.fullmatch(r"(\d+)\s*(kb|mb|gb)?", text.strip().lower())
    if not found or not int(found[1]):
        raise InputError(f"--max-file-size is {text!r}, expected a size such as 500kb or 30mb")
    return int(found[1]) * _UNITS.get(found[2] or "", 1)


def read_accounts(path: Path) -> tuple[tuple[str, str], ...]:
    """Users and passwords of a file with a line `user:password` for each.

    Raises:
        InputError: The file cannot be read, everybody on the machine can read it, or a line has another form.
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
        if not user.strip() or not password:  # the message never quotes the line
            raise InputError(f"line {number} of the password file {path} is not of the form user:password; correct it")
    if not pairs:
        raise InputError(f"the password file {path} is empty, expected lines of the form user:password")
    return tuple((user.strip(), password) for _, user, _, password in pairs)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
