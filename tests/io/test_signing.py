"""C2PA: signed, read back, tampered with; certificates and keys of every kind, good and bad."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import Chain, write_chain
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from PIL import Image

from exegan import __version__
from exegan.errors import ConfigError, InputError
from exegan.inpainter import write_completed
from exegan.io import open_photo
from exegan.io.c2pa import find_marks, holds_manifest, read_manifest
from exegan.io.signing import Signer, check_signable
from exegan.io.xmp import Provenance

c2pa = pytest.importorskip("c2pa")
MARK = Provenance("ab" * 32, 2**63 - 1)


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return write_chain(tmp_path / "secrets")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "holiday-of-jane.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(path)
    return path


def complete(photo: Path, output: Path, signer: Signer) -> Path:
    opened = open_photo(photo)
    completed = opened.image.copy()
    completed.paste((9, 9, 9), (5, 5, 10, 10))
    written = write_completed(
        opened,
        completed,
        output,
        seed=MARK.seed,
        model_sha256=MARK.model_sha256,
        signing=signer.of(photo),
    )
    assert written == []
    return output


def raw_store(path: Path) -> dict[str, Any]:
    with c2pa.Reader(str(path)) as reader:
        store: dict[str, Any] = json.loads(reader.json())
    return store


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "avif", "heic"])
def test_signed_and_read_back(tmp_path: Path, photo: Path, chain: Chain, suffix: str) -> None:
    output = complete(photo, tmp_path / f"out.{suffix}", Signer(*chain))
    manifest = read_manifest(output)
    assert manifest is not None and manifest.is_intact
    assert manifest.provenance == MARK
    assert (manifest.signer, manifest.generator, manifest.parents) == ("Somebody", f"exegan {__version__}", 0)
    assert find_marks(output, open_photo(output).xmp).xmp == MARK, "the mark in the XMP stays"
    if suffix in ("png", "tiff"):
        outside = np.ones((40, 30), dtype=bool)
        outside[5:10, 5:10] = False
        before, after = (np.asarray(open_photo(path).image) for path in (photo, output))
        assert np.array_equal(before[outside], after[outside])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([photo.name, output.name, "secrets"])


def test_what_the_manifest_says(tmp_path: Path, photo: Path, chain: Chain) -> None:
    store = raw_store(complete(photo, tmp_path / "out.png", Signer(*chain)))
    manifest = store["manifests"][store["active_manifest"]]
    (parent,) = manifest["ingredients"]
    assert (parent["relationship"], parent["format"]) == ("parentOf", "image/png")
    (actions,) = [one["data"]["actions"] for one in manifest["assertions"] if one["label"].startswith("c2pa.actions")]
    opened, edited = actions
    assert (opened["action"], edited["action"]) == ("c2pa.opened", "c2pa.edited")
    assert opened["parameters"]["ingredients"][0]["url"].endswith(parent["label"])
    assert edited["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert edited["softwareAgent"] == {"name": "exegan", "version": __version__}
    assert edited["parameters"] == {"exegan.model": MARK.model_sha256, "exegan.seed": MARK.seed}
    said = json.dumps(store)
    assert "thumbnail" not in said, "it would show what was edited away"
    assert "jane" not in said


def test_an_earlier_manifest_stays_as_ingredient(tmp_path: Path, photo: Path, chain: Chain) -> None:
    first = complete(photo, tmp_path / "first.jpg", Signer(*chain))
    second = complete(first, tmp_path / "second.png", Signer(*write_chain(tmp_path / "others")))
    manifest = read_manifest(second)
    assert manifest is not None and manifest.is_intact and manifest.parents == 1
    assert raw_store(first)["active_manifest"] in raw_store(second)["manifests"]


def test_an_output_without_signature_loses_the_manifest_and_says_so(tmp_path: Path, photo: Path, chain: Chain) -> None:
    opened = open_photo(complete(photo, tmp_path / "signed.jpg", Signer(*chain)))
    (note,) = write_completed(opened, opened.image, tmp_path / "out.jpg", seed=0, model_sha256=None)
    assert "its C2PA manifest fits no edited picture and was left out" in note
    assert read_manifest(tmp_path / "out.jpg") is None


@pytest.mark.parametrize("kind", ["broken manifest", "BMP"])
def test_a_photo_that_cannot_be_read_as_c2pa_is_named_all_the_same(
    tmp_path: Path, photo: Path, chain: Chain, kind: str
) -> None:
    if kind == "BMP":
        source = tmp_path / "photo.bmp"
        open_photo(photo).image.save(source)
    else:
        source = complete(photo, tmp_path / "first.jpg", Signer(*chain))
        data = bytearray(source.read_bytes())
        start = data.index(b"c2pa") + 60
        data[start : start + 40] = bytes(40)
        source.write_bytes(data)
    store = raw_store(complete(source, tmp_path / "out.png", Signer(*chain)))
    (parent,) = store["manifests"][store["active_manifest"]]["ingredients"]
    assert parent["relationship"] == "parentOf"
    assert store["validation_state"] == "Valid"


def test_tampering_is_seen(tmp_path: Path, photo: Path, chain: Chain) -> None:
    signed = complete(photo, tmp_path / "out.tiff", Signer(*chain)).read_bytes()
    pixel = bytearray(signed)
    with Image.open(tmp_path / "out.tiff") as image:
        pixel[image.tag_v2[273][0] + 20] ^= 1  # type: ignore[attr-defined]
    for name, data, code in (
        ("pixel", bytes(pixel), "assertion.dataHash.mismatch"),
        ("words", signed.replace(b"compositeWithTrained", b"compositeXithTrained"), "assertion.hashedURI.mismatch"),
    ):
        path = tmp_path / f"{name}.tiff"
        path.write_bytes(data)
        manifest = read_manifest(path)
        assert manifest is not None and not manifest.is_intact
        assert code in manifest.failures
        assert "was changed since it was signed" in str(manifest)


def test_a_manifest_in_ruins_is_no_crash(tmp_path: Path, photo: Path, chain: Chain) -> None:
    data = bytearray(complete(photo, tmp_path / "out.jpg", Signer(*chain)).read_bytes())
    start = data.index(b"c2pa") + 60
    data[start : start + 40] = bytes(40)
    (tmp_path / "out.jpg").write_bytes(data)
    manifest = read_manifest(tmp_path / "out.jpg")
    assert manifest is not None and not manifest.is_intact and manifest.signer is None


def test_a_mark_counts_when_only_the_manifest_is_left(tmp_path: Path, photo: Path, chain: Chain) -> None:
    signed = complete(photo, tmp_path / "out.jpg", Signer(*chain))
    assert find_marks(signed, None).edit == MARK
    signed.write_bytes(signed.read_bytes().replace(b"compositeWithTrained", b"compositeXithTrained"))
    assert find_marks(signed, None).edit is None


@pytest.mark.parametrize("path", ["plain.png", "nothing.png"])
def test_no_manifest(tmp_path: Path, path: str) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    (tmp_path / "nothing.png").write_bytes(b"")
    assert read_manifest(tmp_path / path) is None


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "Es256"),
        (ec.generate_private_key(ec.SECP384R1()), "Es384"),
        (ec.generate_private_key(ec.SECP521R1()), "Es512"),
        (rsa.generate_private_key(65537, 2048), "Ps256"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
    ],
    ids=["P-256", "P-384", "P-521", "RSA", "Ed25519"],
)
def test_the_key_decides_the_algorithm(tmp_path: Path, photo: Path, key: Any, algorithm: str) -> None:
    output = complete(photo, tmp_path / "out.png", Signer(*write_chain(tmp_path / "secrets", key)))
    store = raw_store(output)
    assert store["manifests"][store["active_manifest"]]["signature_info"]["alg"] == algorithm
    assert store["validation_state"] == "Valid"


def test_unfit_credentials_are_one_sentence(tmp_path: Path, chain: Chain) -> None:
    other = write_chain(tmp_path / "other")
    old = write_chain(tmp_path / "old", days=(-9, -3))
    locked = write_chain(tmp_path / "locked", password=b"secret")
    weak = write_chain(tmp_path / "weak", rsa.generate_private_key(65537, 1024))
    strange = write_chain(tmp_path / "strange", dsa.generate_private_key(2048))
    server = write_chain(tmp_path / "server", use=ExtendedKeyUsageOID.CLIENT_AUTH)
    for certificates, key, said in (
        (chain.certificates, other.key, "does not belong to the first certificate"),
        (*old, r"is valid from .* to .*, not today"),
        (*locked, "is protected by a password"),
        (*weak, "of a kind that C2PA has not"),
        (*strange, "of a kind that C2PA has not"),
        (*server, "cannot be signed"),
        (chain.key, chain.key, "holds no certificate in PEM form"),
        (chain.certificates, chain.certificates, "holds no private key in PEM form"),
        (chain.certificates, tmp_path / "none.pem", r"none\.pem cannot be read \(No such file"),
        (tmp_path, chain.key, r"cannot be read \(Is a directory"),
    ):
        with pytest.raises(InputError, match=said) as raised:
            Signer(certificates, key)
        assert "\n" not in str(raised.value)


def test_a_certificate_that_expires_meanwhile(
    tmp_path: Path, photo: Path, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = Signer(*chain)
    old = write_chain(tmp_path / "old", days=(-9, -3))

    class LastWeek(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.fromtimestamp(time.time() - 5 * 86400, tz)

    monkeypatch.setattr("exegan.io.signing.datetime", LastWeek)
    monkeypatch.setattr(Signer, "_try_out", lambda self: None)
    with pytest.raises(InputError, match=r"cannot be signed .*not valid at time of signing"):
        complete(photo, tmp_path / "out.png", Signer(*old))
    assert not list(tmp_path.glob("*out*"))
    complete(photo, tmp_path / "out.png", signed)


def test_the_key_is_never_shown(chain: Chain) -> None:
    signer = Signer(*chain)
    secret = chain.key.read_text().splitlines()[1]
    assert secret not in repr(signer) and secret not in repr(signer._credentials)


def test_a_time_stamp_server_is_asked_only_when_named(tmp_path: Path, photo: Path, chain: Chain) -> None:
    nobody = Signer(*chain, tsa_url="http://127.0.0.1:9/")
    with pytest.raises(InputError, match=r"time-stamp server http://127\.0\.0\.1:9/ can be reached$"):
        complete(photo, tmp_path / "out.png", nobody)
    assert not list(tmp_path.glob("*out*")), "nothing half-written"
    with pytest.raises(InputError, match="expected a URL that begins with http"):
        Signer(*chain, tsa_url="nowhere")


def test_formats_without_room_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="C2PA has no BMP; use one of"):
        check_signable(tmp_path / "out.bmp")


def test_without_the_extra(tmp_path: Path, photo: Path, chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = complete(photo, tmp_path / "out.png", Signer(*chain))
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(ConfigError, match=r"run pip install 'exegan\[c2pa\]'$"):
        Signer(*chain)
    with pytest.raises(ConfigError, match="extra"):
        read_manifest(signed)
    assert holds_manifest(signed.read_bytes()) and read_manifest(photo) is None, "which takes no library"
    marks = find_marks(signed, open_photo(signed).xmp)
    assert marks.edit == MARK
    assert "was not read" in str(marks)


def test_a_manifest_is_read_where_pillow_stumbles_over_the_picture(
    photo: Path, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = complete(photo, tmp_path / "signed.png", Signer(*chain))

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("Failed to decode image: Not implemented")  # as Pillow's AVIF reader does

    monkeypatch.setattr(Image, "open", fail)
    manifest = read_manifest(signed)
    assert manifest is not None and manifest.is_intact, "the library looks at the file itself"
