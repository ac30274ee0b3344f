"""Damaged and hostile input, the first seeds of each kind; `make fuzz` goes on where this ends."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import file_properties  # noqa: F401
import pytest
import run_properties  # noqa: F401
from harness import DONE, REFUSED, Shop, run_case
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exegan.batch.files import OutputFolder
from exegan.batch.manifest import Manifest
from exegan.batch.tables import read_table
from exegan.config import ModelConfig, from_dict
from exegan.errors import ExeGanError, InputError
from exegan.faces.exemplars import parse_exemplars
from exegan.io.xmp import Provenance, marked_packet, read_packet

USUAL = {"face": "auto", "seed": 0, "exemplar_strength": 1.0}
COUNTS = {
    "pictures": 40,
    "masks": 60,
    "styles": 100,
    "models": 60,
    "checkpoints": 12,
    "tables": 12,
    "manifests": 12,
    "folders": 6,
    "yaml": 5,
    "page": 10,
}
# Libraries warn about the damage that is put into files here.
pytestmark = pytest.mark.filterwarnings("ignore")
quick = settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("kind", COUNTS)
def test_input_is_used_or_refused(kind: str, shop: Shop) -> None:
    if kind == "page":
        assert shop.page, "serves from here, not from a case's folder"
    outcomes = set()
    for seed in range(COUNTS[kind]):
        try:
            outcomes.add(run_case(kind, seed, shop))
        except Exception as error:
            raise AssertionError(f"again: python tests/robustness --kind {kind} --seed {seed}") from error
    assert outcomes == ({DONE} if kind == "page" else {DONE, REFUSED}), "both ends are reached"


def test_messages_stay_readable_whatever_they_quote(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("x" * 100_000 + ",photo\n1,2\n")
    with pytest.raises(InputError) as refused:
        read_table(str(tmp_path / "table.csv"), USUAL)
    assert len(str(refused.value)) < 2000
    assert str(refused.value).endswith("and, if wanted, mask, face, seed, exemplar_strength, exemplar_b")


TEXT = st.text(max_size=20) | st.sampled_from(["\u2028", "a\x85b", "\ud800", "..", "a/b", "x" * 300])
NUMBERS = st.integers() | st.floats()
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["output", "status", "error", "output_sha256", "inputs", "options", "seed"])
ENTRIES = st.dictionaries(KEYS, DOCUMENTS, max_size=7) | DOCUMENTS


@quick
@given(st.lists(ENTRIES, max_size=4), st.binary(max_size=30), TEXT)
def test_manifest_of_any_lines(tmp_path: Path, entries: list[Any], more: bytes, name: str) -> None:
    lines = b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)
    (tmp_path / "manifest.jsonl").write_bytes(lines + more)
    manifest = Manifest(OutputFolder(str(tmp_path)))
    entry = {"output": name, "status": "failed", "error": name}
    manifest.add([entry])
    manifest.close()
    assert entry.items() <= Manifest(OutputFolder(str(tmp_path))).entries[name].items()


@quick
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["photo", "mask", "exemplar", "face", "seed", "exemplar_strength", "exemplar_b"]), DOCUMENTS
        )
    )
)
def test_table_of_any_rows(tmp_path: Path, rows: list[Any]) -> None:
    table = tmp_path / "table.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)))
    try:
        jobs, problems = read_table(str(table), USUAL)
    except ExeGanError:
        return
    assert len(jobs) + len(problems) == len(rows)


@quick
@given(DOCUMENTS | st.dictionaries(st.sampled_from(["family", "generator", "style_encoder"]), DOCUMENTS))
def test_model_of_any_document(document: Any) -> None:
    with contextlib.suppress(ExeGanError):
        from_dict(ModelConfig, document, where="model")


@quick
@given(st.none() | st.binary() | st.text().map(lambda text: f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{text}'.encode()))
def test_mark_beside_any_packet(packet: bytes | None) -> None:
    mark = Provenance("a" * 64, 2**63 - 1)
    assert read_packet(marked_packet(packet, mark)) == mark


@quick
@given(st.lists(st.text("0129=#:+,.eyesmouth /a²١", max_size=12), min_size=1, max_size=3))
def test_exemplars_of_any_words(words: list[str]) -> None:
    with contextlib.suppress(ExeGanError):
        parse_exemplars(words)
