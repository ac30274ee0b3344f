"""What a tab had is given back to that tab alone, and forgotten in time."""

from __future__ import annotations

import time

import pytest

from exegan.web.tab_state import MAX_TABS, TabStates


def test_a_tab_gets_back_what_it_had_last() -> None:
    states = TabStates()
    states.save("a", {"seed": 1})
    states.save("b", {"seed": 2})
    states.save("a", {"seed": 3})
    assert (states.find("a"), states.find("b"), states.find("c")) == ({"seed": 3}, {"seed": 2}, None)


def test_tabs_without_a_name_share_nothing() -> None:
    states = TabStates()
    states.save("", {"photo": "a face"})
    assert states.find("") is None


def test_the_oldest_tabs_give_way() -> None:
    states = TabStates()
    for number in range(MAX_TABS + 1):
        states.save(str(number), {"seed": number})
    assert states.find("0") is None
    assert states.find("1") == {"seed": 1}


def test_what_is_old_is_forgotten_though_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exegan.web.tab_state.FILE_LIFETIME_SECONDS", 0.2)
    states = TabStates()
    states.save("a", {"seed": 1})
    time.sleep(0.1)
    states.save("b", {"seed": 2})
    end = time.monotonic() + 5
    while states._states and time.monotonic() < end:
        time.sleep(0.02)
    assert not states._states
    states.save("a", {"seed": 3})
    assert states.find("a") == {"seed": 3}, "and goes on"
