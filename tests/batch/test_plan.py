"""Plans: pairs by name, tables, and everything wrong at once, before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from exegan.batch.pairing import plan_batch
from exegan.errors import ConfigError, InputError


def plan_folders(root: Path, **options: object) -> object:
    places = {kind: str(root / kind) for kind in ("photos", "masks", "exemplars")}
    return plan_batch(**{**places, **options})  # type: ignore[arg-type]


def test_folders_pair_by_name_and_mirror_their_tree(folders: Path) -> None:
    (folders / "masks/0.png").rename(folders / "masks/0.bmp")
    plan = plan_folders(folders, samples=2, seed=5, suffix=".webp")
    assert plan.problems == []
    assert [item.output for item in plan.items][:3] == ["0_0.webp", "0_1.webp", "1_0.webp"]
    assert [item.output for item in plan.items][-1] == "more/9_1.webp"
    first, second = plan.items[:2]
    assert first.job.mask == str(folders / "masks/0.bmp")
    assert (first.job.seed, second.job.seed) == (5, 6)
    for item in plan.items:
        stems = {Path(path).stem for path in item.job.inputs.values()}
        assert len(stems) == 1


def test_one_mask_and_one_exemplar_serve_all(folders: Path) -> None:
    mask, exemplar = str(folders / "masks/1.png"), str(folders / "exemplars/2.png")
    plan = plan_folders(folders, masks=mask, exemplars=exemplar)
    assert len(plan.items) == 10
    assert {(item.job.mask, item.job.inputs["exemplar"]) for item in plan.items} == {(mask, exemplar)}


def test_every_problem_is_named_at_once(folders: Path) -> None:
    (folders / "masks/1.png").unlink()
    Image.new("L", (32, 32), 255).save(folders / "masks/2.bmp")
    (folders / "exemplars/3.png").write_bytes(b"nothing of the kind")
    (folders / "photos/4.jpg").write_bytes(b"")
    Image.new("RGB", (32, 32)).save(folders / "photos/5.png")
    plan = plan_folders(folders)
    assert {item.output[0] for item in plan.sound} == {"0", "6", "7", "m"}
    reasons = {problem.output: problem.reason for problem in plan.problems}
    assert "no mask named 1" in reasons["1"]
    assert "two masks could be meant: 2.bmp and 2.png" in reasons["2"]
    assert "is not a picture" in reasons["3_0.png"] and "is empty (0 bytes)" in reasons["4_0.png"]
    assert "two photos could be meant: 5.jpg and 5.png" in reasons["5"]


def test_folders_that_are_not_there(folders: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        plan_folders(folders, photos=str(folders / "missing"))
    with pytest.raises(InputError, match=r"mask .* does not exist"):
        plan_folders(folders, masks=str(folders / "missing"))
    (folders / "empty").mkdir()
    with pytest.raises(InputError, match="holds no picture"):
        plan_folders(folders, photos=str(folders / "empty"))
    with pytest.raises(InputError, match="or --pairs"):
        plan_batch(photos=str(folders / "photos"))
    with pytest.raises(ConfigError, match=r"the format is '\.gif'"):
        plan_folders(folders, suffix=".gif")


ROWS = [
    {"photo": "photos/0.jpg", "mask": "masks/0.png", "exemplar": "exemplars/0.png"},
    {
        "photo": "photos/0.jpg",
        "mask": "masks/1.png",
        "exemplar": "exemplars/0.png",
        "seed": 7,
        "exemplar_strength": 0.5,
    },
    {"photo": "photos/more/8.jpg", "mask": "masks/0.png", "exemplar": "exemplars/0.png", "face": "1"},
]


def write_csv(path: Path) -> None:
    columns = ["photo", "mask", "exemplar", "face", "seed", "exemplar_strength"]
    lines = [",".join(columns), *(",".join(str(row.get(name, "")) for name in columns) for row in ROWS)]
    path.write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8")


def write_jsonl(path: Path) -> None:
    path.write_text("\n\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")


def write_parquet(path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        name: [row.get(name) for row in ROWS]
        for name in ("photo", "mask", "exemplar", "face", "seed", "exemplar_strength")
    }
    parquet.write_table(pyarrow.table(columns), path)


@pytest.mark.parametrize(
    ("name", "write"), [("jobs.csv", write_csv), ("jobs.jsonl", write_jsonl), ("jobs.parquet", write_parquet)]
)
def test_tables_of_all_kinds_say_the_same(folders: Path, name: str, write: object) -> None:
    write(folders / name)  # type: ignore[operator]
    plan = plan_batch(pairs=str(folders / name), seed=3)
    assert plan.problems == []
    assert [item.output for item in plan.items] == ["photos/0_0.png", "photos/0-2_0.png", "photos/more/8_0.png"]
    jobs = [item.job for item in plan.items]
    assert [(job.seed, job.exemplar_strength, job.face) for job in jobs] == [
        (3, 1.0, "auto"),
        (7, 0.5, "auto"),
        (3, 1.0, "1"),
    ]
    assert jobs[1].mask == str(folders / "masks/1.png")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"seed": "x"}, "seed is 'x', expected a whole number"),
        ({"seed": []}, "seed is [], expected a whole number"),
        ({"seed": {"a": 1}}, "seed is {'a': 1}, expected a whole number"),
        ({"seed": True}, "seed is True"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"seed": float("inf")}, "seed is inf"),
        ({"seed": "9" * 5000}, "seed is '999"),
        ({"exemplar_strength": []}, "exemplar_strength is [], expected a number"),
        ({"exemplar_strength": "much"}, "exemplar_strength is 'much'"),
        ({"photo": []}, "photo is [], expected a path"),
        ({"mask": {"region": "mouth"}}, "mask is {'region': 'mouth'}, expected a path"),
        ({"exemplar": 5}, "exemplar is 5, expected a path"),
        ({"face": [1]}, "face is [1], expected auto, all or numbers"),
        ({"mask": "region:tail"}, "the region 'tail' is unknown"),
        ({"exemplar_strength": 2}, "exemplar_strength is 2.0"),
        ({"exemplar": ""}, "no exemplar"),
        ({"mask": "masks/none.png"}, "does not exist"),
    ],
)
def test_a_wrong_row_is_a_problem_and_no_more(folders: Path, row: dict[str, object], said: str) -> None:
    (folders / "jobs.jsonl").write_text(json.dumps({**ROWS[0], **row}) + "\n" + json.dumps(ROWS[1]), encoding="utf-8")
    plan = plan_batch(pairs=str(folders / "jobs.jsonl"))
    assert len(plan.sound) == 1
    (problem,) = plan.problems
    assert said in problem.reason


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "photo,mask\n1,2\n", "expected the columns photo, exemplar"),
        ("a.csv", "photo,mask,exemplar,colour\n1,2,3,4\n", "colour"),
        ("a.csv", "photo,mask,exemplar\n1,2,3,4\n", "more cells than columns"),
        ("a.csv", "photo,mask,exemplar\n", "no rows"),
        ("a.jsonl", "{", "line 1 of a.jsonl is no JSON"),
        ("a.jsonl", "[]", "expected an object"),
        ("a.jsonl", '{"photo": ' + "[" * 100_000, "line 1 of a.jsonl is no JSON"),
        ("a.jsonl", "null", "expected an object"),
        ("a.csv", "", "no rows"),
        ("a.csv", "\n", "no rows"),
        ("a.parquet", "PAR", "cannot be read as parquet"),
        ("a.txt", "", "is no table"),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        plan_batch(pairs=str(tmp_path / name))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("none.csv", "does not exist"),
        ("folder.csv", "does not exist"),
        ("x" * 300 + ".csv", "does not exist"),
        ("zip://a.csv::none.zip", "cannot be reached"),
        ("ftp://127.0.0.1:1/a.csv", "cannot be reached"),
        ("http://127.0.0.1:1/a.csv", "cannot be fetched"),
        ("foo://a.csv", "cannot be reached"),
    ],
)
def test_a_table_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=said):
        plan_batch(pairs=table)


def test_a_table_elsewhere_names_its_neighbours(folders: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in [p for kind in ("photos", "masks", "exemplars") for p in (folders / kind).rglob("*.*g")]:
        memory.pipe(f"/elsewhere/{path.relative_to(folders)}", path.read_bytes())
    write_jsonl(folders / "jobs.jsonl")
    memory.pipe("/elsewhere/jobs.jsonl", (folders / "jobs.jsonl").read_bytes())
    plan = plan_batch(pairs="memory://elsewhere/jobs.jsonl")
    assert plan.problems == [] and plan.items[0].job.photo == "memory://elsewhere/photos/0.jpg"


def test_names_that_break_lines_in_a_table(folders: Path) -> None:
    (folders / "photos/0.jpg").rename(folders / "photos/a\u2028b\x85.jpg")
    row = {**ROWS[0], "photo": "photos/a\u2028b\x85.jpg"}
    (folders / "jobs.jsonl").write_text("\ufeff" + json.dumps(row, ensure_ascii=False), encoding="utf-8")
    plan = plan_batch(pairs=str(folders / "jobs.jsonl"))
    assert plan.problems == [] and len(str(plan).splitlines()) == 2
