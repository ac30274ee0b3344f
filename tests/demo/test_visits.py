"""What a tab had is given back to that tab alone, and forgotten in time."""

from __future__ import annotations

import time

import pytest
from visits import MOST_VISITS, Visits


def test_a_tab_gets_back_what_it_had_last() -> None:
    visits = Visits()
    visits.keep("a", (1,))
    visits.keep("b", (2,))
    visits.keep("a", (3,))
    assert (visits.find("a"), visits.find("b"), visits.find("c")) == ((3,), (2,), None)


def test_tabs_without_a_name_share_nothing() -> None:
    visits = Visits()
    visits.keep("", ("a face",))
    assert visits.find("") is None


def test_the_oldest_tabs_give_way() -> None:
    visits = Visits()
    for number in range(MOST_VISITS + 1):
        visits.keep(str(number), (number,))
    assert visits.find("0") is None
    assert visits.find("1") == (1,)


def test_what_is_old_is_forgotten_though_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visits.KEPT_SECONDS", 0.2)
    visits = Visits()
    visits.keep("a", (1,))
    time.sleep(0.1)
    visits.keep("b", (2,))
    end = time.monotonic() + 5
    while visits._visits and time.monotonic() < end:
        time.sleep(0.02)
    assert not visits._visits
    visits.keep("a", (3,))
    assert visits.find("a") == (3,), "and goes on"
