"""`exegan batch`: exit codes, what is printed, what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from certificates import write_chain
from helpers import run_command, write_faces_to_complete, write_tiny_model

from exegan.io.c2pa import read_manifest


def run(*arguments: object) -> int:
    return run_command("batch", *map(str, arguments))


@pytest.fixture
def places(tmp_path: Path) -> list[object]:
    """Arguments that name ten aligned faces and a tiny model."""
    root = write_faces_to_complete(tmp_path)
    folders: list[object] = [root / "photos", "--masks", root / "masks", "--exemplars", root / "exemplars"]
    return [*folders, "--aligned", "--model", write_tiny_model(tmp_path / "model")]


def test_all_done(tmp_path: Path, places: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*places, "-o", tmp_path / "out", "--format", "jpg", "--quality", 90) == 0
    assert capsys.readouterr().out.strip() == f"{tmp_path / 'out'}: 10 done"
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 10


def test_signed(tmp_path: Path, places: list[object]) -> None:
    pytest.importorskip("c2pa")
    chain = write_chain(tmp_path / "secrets")
    signing = ["--c2pa-cert", chain.certificates, "--c2pa-key", chain.key]
    assert run(*places, "-o", tmp_path / "out", "--format", "bmp", *signing) == 2
    assert not (tmp_path / "out").exists()
    assert run(*places, "-o", tmp_path / "out", *signing) == 0
    manifests = [read_manifest(path) for path in (tmp_path / "out").rglob("*.png")]
    assert len(manifests) == 10 and all(one is not None and one.is_intact for one in manifests)


def test_dry_run_writes_nothing(tmp_path: Path, places: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "masks/2.png").unlink()
    assert run(*places, "-o", tmp_path / "out", "--dry-run") == 1
    printed = capsys.readouterr().out.strip().splitlines()
    assert printed[-1] == "9 items, 1 problems" and "no mask named 2" in printed[-2]
    assert not (tmp_path / "out").exists()
    assert run(*places, "-o", tmp_path / "out", "--dry-run", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert len(report["items"]) == 9 and len(report["problems"]) == 1


def test_the_old_name_of_exemplar_strength_still_works(
    tmp_path: Path, places: list[object], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert run(*places, "-o", tmp_path / "out", "--strength", "0.5", "--dry-run", "--json") == 0
    printed = capsys.readouterr()
    assert {item["exemplar_strength"] for item in json.loads(printed.out)["items"]} == {0.5}
    assert printed.err == "exegan: --strength is called --exemplar-strength; the old name goes with version 0.2\n"
    table = tmp_path / "table.csv"
    table.write_text("photo,mask,exemplar,strength\nphotos/0.jpg,masks/0.png,exemplars/0.png,0.25\n")
    assert run("--pairs", table, "-o", tmp_path / "out", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["items"][0]["exemplar_strength"] == 0.25
    assert "the column strength is called exemplar_strength; the old name goes with version 0.2" in caplog.text


def test_some_failed_are_listed(tmp_path: Path, places: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "exemplars/2.png").write_bytes(b"")
    assert run(*places, "-o", tmp_path / "out") == 1
    printed = capsys.readouterr().out
    assert printed.startswith("2_0.png: ") and printed.strip().endswith("9 done, 1 failed")
    assert run(*places, "-o", tmp_path / "out", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["done"], report["done_before"], len(report["problems"])) == (0, 9, 1)
    assert run(*places, "-o", tmp_path / "out", "--quiet") == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no output folder"),
        (["-o", "out"], "expected PHOTOS with --masks and --exemplars, or --pairs"),
        (["missing", "--masks", "m", "--exemplars", "e", "-o", "out"], "missing is no folder"),
        (["--pairs", "missing.csv", "-o", "out"], "missing.csv does not exist"),
        (["photos", "--pairs", "jobs.csv", "-o", "out"], "expected one of them"),
        (["--pairs", "jobs.csv", "-o", "out", "--format", "gif"], "the format is '.gif'"),
        (["--pairs", "jobs.csv", "-o", "out", "--exemplar-strength", "2"], "exemplar-strength"),
    ],
)
def test_nothing_could_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("exegan: ") and said in line
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_engine_or_model(tmp_path: Path, places: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*places, "-o", tmp_path / "out", "--engine", "steam") == 2
    assert "use threads or ray" in capsys.readouterr().err
    assert run(*places[:-1], tmp_path / "none", "-o", tmp_path / "out") == 2
    assert "is not a folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
