"""What the page gives to whom: files, sessions, addresses, accounts, a bounded queue, and nothing from other hosts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_page import CHROMIUM, CHROMIUM_FLAGS, EXEMPLAR, META, PHOTO, Visitor, live_page, wait_until

FILES = "/gradio_api/file="


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with live_page(folder, max_waiting=2) as address:
        yield address


@pytest.fixture(scope="module")
def stranger(address: str) -> Visitor:
    return Visitor(address)


@pytest.fixture(scope="module")
def program(address: str) -> Visitor:
    return Visitor(address, with_cookies=False)


def arguments(visitor: Visitor) -> dict[str, Any]:
    return {"photo": visitor.uploaded(PHOTO), "exemplar": visitor.uploaded(EXEMPLAR), "region": "mouth"}


OUTSIDE = [
    "/etc/passwd",
    "//etc/passwd",
    "../../../../../../etc/passwd",
    "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "%2Fetc%2Fpasswd",
    "%252Fetc%252Fpasswd",
    "/proc/self/environ",
    "/proc/self/root/etc/passwd",
    "file:///etc/passwd",
    "http://127.0.0.1:22/",
    "https://example.org/",
    "https:/example.org/",
    "/etc/passwd%00.png",
    "demo/app.py",
    "",
]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("start", [FILES, "/file=", "/gradio_api/file/", "/gradio_api/proxy=", "/static/", "/assets/"])
def test_files_outside_are_refused(visitor: Visitor, start: str, path: str) -> None:
    status, response, _ = visitor.ask("GET", start + path)
    assert status in (400, 403, 404, 405) or b"<title>" in response, "refused, or the page itself"
    assert b"root:" not in response
    assert b"import " not in response


@pytest.mark.parametrize(
    "way", ["{folder}/../log", "{folder}/{mine}/../../log", "{folder}", "{folder}/{mine}", "{folder}/{mine}/.."]
)
def test_ways_out_of_the_folder_are_refused(visitor: Visitor, folder: Path, way: str) -> None:
    mine = Path(visitor.uploaded(PHOTO)["path"])
    path = way.format(folder=mine.parents[1], mine=mine.parent.name)
    assert visitor.ask("GET", FILES + str(mine))[0] == 200
    assert visitor.ask("GET", FILES + path)[0] == 403
    assert visitor.ask("GET", FILES + path.replace("..", "%2e%2e"))[0] == 403


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../etc/passwd", "https://example.org/photo.png", "http://127.0.0.1/", ""]
)
def test_files_that_were_not_uploaded_are_not_read(program: Visitor, path: str) -> None:
    given = {**arguments(program), "photo": {"path": path, "meta": META}}
    status, response = program.post("/gradio_api/call/v2/inpaint", given)
    assert (status, "was not uploaded" in response["detail"]) == (403, True)
    unmarked = {**arguments(program), "photo": {"path": path, "meta": {}}}
    assert program.post("/gradio_api/call/v2/inpaint", unmarked)[0] == 403


def test_uploads_and_results_are_for_their_visitor_alone(visitor: Visitor, stranger: Visitor, program: Visitor) -> None:
    photo = visitor.uploaded(b"a secret")
    kind, (files, _) = visitor.inpaint(**arguments(visitor))
    assert kind == "complete"
    for path in (photo["path"], files[0]["path"]):
        assert visitor.ask("GET", FILES + path)[0] == 200
        for other in (stranger, program):
            assert other.ask("GET", FILES + path)[0] == 403
            assert other.ask("HEAD", FILES + path)[0] == 403
            given = {**arguments(other), "photo": {"path": path, "meta": META}}
            assert other.post("/gradio_api/call/v2/inpaint", given)[0] == 403


def test_naming_a_file_does_not_give_it(visitor: Visitor, stranger: Visitor) -> None:
    """The server repeats some of what it is sent; that gives no access."""
    path = visitor.uploaded(b"a secret")["path"]
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in path)
    stranger.ask("GET", "/?__theme=" + path)
    stranger.ask("GET", "/config", X_Forwarded_Host="x" + path)
    for body in (f'{{"fn_index": "{path}"}}', f'{{"data": ["{escaped}"], "session_hash": "s"}}', f'["{path}"]'):
        stranger.ask("POST", "/gradio_api/queue/join", body.encode(), Content_Type="application/json")
    assert stranger.ask("GET", FILES + path)[0] == 403


def test_who_uploads_the_same_file_has_it_as_well(visitor: Visitor, stranger: Visitor) -> None:
    path = visitor.uploaded(b"the same")["path"]
    assert stranger.uploaded(b"the same")["path"] == path
    assert stranger.ask("GET", FILES + path)[0] == 200


def test_a_session_is_its_first_visitor_s(visitor: Visitor, stranger: Visitor) -> None:
    body = {"data": [], "fn_index": 0, "session_hash": "abc"}
    visitor.post("/gradio_api/queue/join", body)
    assert stranger.post("/gradio_api/queue/join", body)[0] == 403
    assert stranger.ask("GET", "/gradio_api/queue/data?session_hash=abc")[0] == 403
    assert stranger.post("/gradio_api/cancel", {"session_hash": "abc", "fn_index": 0, "event_id": "x"})[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "deep_link?session_hash=a",
        "vibe-code",
        "process_recording",
        "run/inpaint",
        "monitoring",
        "proxy=https://x.hf.space/",
        "dev/reload",
    ],
)
def test_addresses_that_the_page_does_not_need_are_closed(visitor: Visitor, path: str) -> None:
    for method in ("GET", "POST"):
        assert visitor.ask(method, "/gradio_api/" + path, b"{}")[0] == 404


def test_requests_without_end_are_refused(visitor: Visitor) -> None:
    big = json.dumps({"data": ["x" * 2_000_000], "fn_index": 0, "session_hash": "big"}).encode()
    assert visitor.ask("POST", "/gradio_api/queue/join", big, Content_Type="application/json")[0] == 413
    deep = b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert visitor.ask("POST", "/gradio_api/queue/join", deep, Content_Type="application/json")[0] in (400, 422)
    assert visitor.ask("POST", "/gradio_api/upload", None, Content_Length="")[0] in (400, 411)


def test_a_full_queue_says_so(visitor: Visitor, folder: Path) -> None:
    given = arguments(visitor)
    (folder / "wait").touch()
    try:
        events = [visitor.begin(**given)]
        wait_until(lambda: json.loads(visitor.ask("GET", "/gradio_api/queue/status")[1])["queue_size"] == 0)
        events += [visitor.begin(**given) for _ in range(2)]
        status, response, headers = visitor.ask(
            "POST", "/gradio_api/call/v2/inpaint", json.dumps(given).encode(), Content_Type="application/json"
        )
        assert (status, headers["retry-after"]) == (503, "60")
        assert (
            json.loads(response)["detail"] == "the page is busy, 2 requests are waiting already; try again in a minute"
        )
    finally:
        (folder / "wait").unlink()
    assert [visitor.end(event)[0] for event in events] == ["complete"] * 3


def test_answers_are_marked(address: str, visitor: Visitor) -> None:
    _, page, headers = Visitor(address, with_cookies=False).ask("GET", "/")
    assert re.search(r"HttpOnly; Path=/; SameSite=Lax$", headers["set-cookie"])
    behind_proxy = Visitor(address, with_cookies=False).ask("GET", "/", X_Forwarded_Proto="https")[2]
    assert re.search(r"HttpOnly; Path=/; SameSite=None; Secure; Partitioned$", behind_proxy["set-cookie"])
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in visitor.ask("GET", "/")[2]
    loaded = re.findall(rb'<(?:script|link|img|iframe)[^>]*?(?:src|href)="([^"]*)"', page)
    assert loaded
    assert not [url for url in loaded if b"//" in url], "the page names nothing to load from another host"


def test_a_browser_asks_no_other_host(address: str) -> None:
    if not CHROMIUM.exists() and not os.environ.get("EXEGAN_REQUIRE_BROWSER"):
        pytest.skip(f"needs {CHROMIUM} (apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    asked: list[str] = []
    complaints: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(address)
        page.get_by_text("Use via API").click()
        page.get_by_text("exemplar_strength").first.wait_for()
        page.wait_for_timeout(1000)  # the page's heartbeat never ends, so there is no idle network to wait for
        shown = page.locator("body").inner_text()
        browser.close()
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert [text for text in complaints if "Content Security Policy" in text] == []
    assert "1 API endpoint" in shown, "events of the page are not shown"
    assert "photo=handle_file('photo.jpg')" in shown


@pytest.mark.slow
def test_accounts_behind_a_proxy(tmp_path: Path) -> None:
    with live_page(tmp_path, accounts=[["anna", "secret"]], root_path="/exegan") as address:
        visitor = Visitor(address)
        for method, path in (("GET", "/config"), ("GET", FILES + "x"), ("GET", "/gradio_api/info")):
            assert visitor.ask(method, path)[0] in (401, 403)
        assert visitor.upload(PHOTO)[0] == 401
        assert visitor.post("/gradio_api/call/v2/inpaint", {})[0] == 401
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        assert visitor.ask("POST", "/login", b"username=anna&password=wrong", **form)[0] == 400
        status, _, headers = visitor.ask("POST", "/login", b"username=anna&password=secret", **form)
        assert status == 200
        visitor.cookie += "".join(f"; {value.partition(';')[0]}" for value in headers.get_all("set-cookie") or [])
        kind, (files, _) = visitor.inpaint(**arguments(visitor))
        assert kind == "complete"
        assert files[0]["url"].startswith(f"{address}/exegan{FILES}")
