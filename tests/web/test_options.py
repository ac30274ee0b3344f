"""Options of `exegan demo`, and `demo` as a hosted Space."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import run_command
from live_page import ROOT, TIMEOUT, Visitor, free_port, wait_until

from exegan.cli.app import app
from exegan.errors import InputError
from exegan.web.options import ServerOptions, parse_size, read_accounts

Parse = Callable[[list[str]], ServerOptions]


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parse]:
    """Options that `exegan demo` serves the page with, given its arguments."""
    served: list[ServerOptions] = []
    monkeypatch.setattr("exegan.web.app.run", served.append)

    def parse(arguments: list[str]) -> ServerOptions:
        app(["demo", *arguments], standalone_mode=False)
        return served.pop()

    before = signal.getsignal(signal.SIGTERM)
    yield parse
    signal.signal(signal.SIGTERM, before)


def accounts_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "accounts.txt"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_defaults_are_this_machine_alone(monkeypatch: pytest.MonkeyPatch, parse: Parse) -> None:
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"):
        monkeypatch.delenv(name, raising=False)
    port = free_port()
    assert parse(["--port", str(port)]) == ServerOptions(port=port)
    assert ServerOptions().host == "127.0.0.1"
    assert not ServerOptions().share
    assert not ServerOptions().is_open_to_others


@pytest.mark.parametrize(
    ("host", "accounts", "share", "is_open"),
    [
        ("127.0.0.1", None, False, False),
        ("localhost", None, False, False),
        ("::1", None, False, False),
        ("0.0.0.0", None, False, True),
        ("192.168.0.7", None, False, True),
        ("127.0.0.1", None, True, True),
        ("0.0.0.0", (("anna", "secret"),), True, False),
    ],
)
def test_open_to_others(host: str, accounts: tuple[tuple[str, str], ...] | None, share: bool, is_open: bool) -> None:
    assert ServerOptions(host=host, accounts=accounts, share=share).is_open_to_others == is_open


def test_a_hosted_space_names_its_address_in_the_environment(monkeypatch: pytest.MonkeyPatch, parse: Parse) -> None:
    port = free_port()
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", str(port))
    assert (parse([]).host, parse([]).port) == ("0.0.0.0", port)


def test_sizes() -> None:
    assert [parse_size(text) for text in ("12", "500kb", "30 MB", "1gb")] == [12, 500 * 2**10, 30 * 2**20, 2**30]
    for text in ("", "0mb", "-1", "30 apples", "1e3"):
        with pytest.raises(InputError, match="expected a size such as 500kb or 30mb"):
            parse_size(text)


@pytest.mark.parametrize("option", ["--max-pixels", "--max-waiting"])
def test_limits_below_one(option: str, parse: Parse) -> None:
    with pytest.raises(InputError, match=f"{option} is 0, expected at least 1"):
        parse([option, "0"])


def test_accounts_are_lines_of_user_and_password(tmp_path: Path, parse: Parse) -> None:
    path = accounts_file(tmp_path, "anna:secret\n\n ben :a:b c \n")
    assert read_accounts(path) == (("anna", "secret"), ("ben", "a:b c "))
    assert parse(["--auth", str(path), "--port", str(free_port())]).accounts == read_accounts(path)


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        ("anna:secret", 0o644, "everybody on this machine can read the password file .*; run: chmod 600"),
        ("", 0o600, "is empty, expected lines of the form user:password"),
        ("anna:secret\nhunter2\n", 0o600, "line 2 of the password file .* is not of the form user:password"),
        ("anna:\n", 0o600, "line 1 of the password file"),
        (":secret\n", 0o600, "line 1 of the password file"),
    ],
)
def test_accounts_that_are_refused(tmp_path: Path, text: str, mode: int, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as refusal:
        read_accounts(accounts_file(tmp_path, text, mode))
    assert "hunter2" not in str(refusal.value)


def test_a_missing_or_binary_password_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)"):
        read_accounts(tmp_path / "none.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"cannot be read \(it is not UTF-8 text\)"):
        read_accounts(tmp_path / "binary")


def test_an_address_of_another_machine(parse: Parse) -> None:
    with pytest.raises(InputError, match=r"cannot serve on 192\.0\.2\.1 port .*; give another --port or --host"):
        parse(["--host", "192.0.2.1"])


def test_a_port_that_is_none(parse: Parse) -> None:
    for port in ("99999", "0", "-1"):
        with pytest.raises(InputError, match=f"--port is {port}, expected 1 to 65535"):
            parse(["--port", port])


def front_matter() -> dict[str, str]:
    text = (ROOT / "demo" / "README.md").read_text()
    head = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    assert head
    return dict(re.findall(r'^(\w+): "?(.*?)"?$', head[1], re.MULTILINE))


def test_the_folder_is_a_hosted_space() -> None:
    import importlib.metadata

    space = front_matter()
    assert (space["sdk"], space["license"]) == ("gradio", "mit")
    assert (ROOT / "demo" / space["app_file"]).is_file()
    assert len(space["short_description"]) <= 60, "more is refused there"
    required = re.search(r'"gradio>=([\d.]+),<([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert required
    lowest, used, bound = (
        tuple(map(int, version.split("."))) for version in (required[1], space["sdk_version"], required[2])
    )
    assert lowest <= used < bound
    assert (ROOT / "demo" / "requirements.txt").read_text().startswith("exegan[demo]")
    assert importlib.metadata.version("gradio").split(".")[0] == space["sdk_version"].split(".")[0]


@pytest.mark.slow
def test_the_folder_alone_is_served_where_the_package_is_installed(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "demo", tmp_path / "space", ignore=shutil.ignore_patterns("__pycache__"))
    port = free_port()
    place = {"PYTHONPATH": str(ROOT), "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": str(port)}
    place |= {"SYSTEM": "spaces", "SPACE_ID": "somebody/exegan"}
    with (tmp_path / "log").open("w") as log:
        command = [sys.executable, "app.py", "--device", "cpu"]
        process = subprocess.Popen(
            command, cwd=tmp_path / "space", env={**os.environ, **place}, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: "is ready" in (tmp_path / "log").read_text() or process.poll() is not None)
        output = (tmp_path / "log").read_text()
        assert output.endswith(f"exegan is ready on http://0.0.0.0:{port} (stop it with Ctrl+C)\n"), output
        assert Visitor(f"http://127.0.0.1:{port}").cookie
    finally:
        process.terminate()
        process.wait(TIMEOUT)


@pytest.fixture
def run_app(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., list[str]]]:
    """Runs `exegan demo` to its refusal, in this process; what it printed on stderr."""
    monkeypatch.setattr("exegan.web.app._limit_malloc", lambda: None)  # a setting of the whole process
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")  # given back afterwards
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")

    def run(*arguments: str) -> list[str]:
        code = run_command("demo", "--port", str(free_port()), *arguments)
        printed = capsys.readouterr()
        assert (code, printed.out) == (2, "")
        return printed.err.splitlines()

    before = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, before)


def test_an_unknown_model_is_one_sentence(run_app: Callable[..., list[str]]) -> None:
    (error,) = run_app("--model", "nowhere/to/be/found")
    assert error.startswith("exegan: ") and "nowhere/to/be/found" in error


def test_a_page_open_to_others_says_so(run_app: Callable[..., list[str]]) -> None:
    warning, error = run_app("--host", "0.0.0.0", "--model", "nowhere")
    assert warning == (
        "exegan: other machines can reach the page and anybody there can use it; --auth FILE asks for a password"
    )
    assert "nowhere" in error
