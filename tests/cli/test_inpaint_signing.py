"""Signed outputs from the command line, and what `exegan verify` says of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from certificates import write_chain
from helpers import run_command
from helpers import run_inpaint as inpaint

pytestmark = pytest.mark.usefixtures("workplace")
pytest.importorskip("c2pa")


def test_signed_outputs_and_what_verify_says(capsys: pytest.CaptureFixture[str]) -> None:
    chain = write_chain(Path("secrets"))
    signing = ("--c2pa-cert", str(chain.certificates), "--c2pa-key", str(chain.key))
    usual = ("--region", "mouth", "--face", "1", "--exemplar", "a.png")
    assert inpaint(*usual, *signing, "--samples", "2", output="out.jpg") == 0
    assert chain.key.read_text().splitlines()[1] not in capsys.readouterr().out
    for seed in (0, 1):
        assert run_command("verify", f"out_{seed}.jpg") == 0
        printed = capsys.readouterr().out
        assert f"seed {seed})" in printed and "manifest is valid" in printed and "signed by Somebody" in printed
    Path("bad.jpg").write_bytes(Path("out_0.jpg").read_bytes()[:-9] + b"\1" * 9)
    assert run_command("verify", "bad.jpg", "--json") == 0, "its XMP still says so"
    printed = json.loads(capsys.readouterr().out)
    assert printed["marked"] and not printed["c2pa"]["intact"]
    assert printed["c2pa"]["failures"] == ["assertion.dataHash.mismatch"]
    assert run_command("verify", "bad.jpg") == 0
    assert "was changed since it was signed" in capsys.readouterr().out


def test_unfit_signing_is_refused_before_any_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, other = write_chain(Path("secrets")), write_chain(Path("other"))
    monkeypatch.setattr("exegan.inpainter.Inpainter.from_pretrained", lambda *_, **__: pytest.fail("work was done"))
    cert, key = ("--c2pa-cert", str(chain.certificates)), ("--c2pa-key", str(chain.key))
    for arguments, output, said in (
        (cert, "out.png", "give both --c2pa-cert and --c2pa-key"),
        (key, "out.png", "give both"),
        (("--c2pa-tsa", "http://127.0.0.1:9"), "out.png", "give both"),
        ((*cert, *key), "out.bmp", "out.bmp cannot be signed"),
        ((*cert, "--c2pa-key", str(other.key)), "out.png", "does not belong"),
    ):
        assert inpaint("--region", "mouth", "--exemplar", "a.png", *arguments, output=output) == 2
        captured = capsys.readouterr()
        assert said in captured.err and len(captured.err.splitlines()) == 1 and captured.out == ""
        assert not list(Path().glob("*out*"))
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert inpaint("--region", "mouth", "--exemplar", "a.png", *cert, *key) == 2
    assert "run pip install 'exegan[c2pa]'" in capsys.readouterr().err
