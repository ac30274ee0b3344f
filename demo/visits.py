"""What each tab had on the page, for a while, so that nothing is lost when its connection drops and it loads anew."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Any

from sweeping import KEPT_SECONDS  # after which the files that a visit speaks of are gone

MOST_VISITS = 100  # some hold pictures of several MiB
# A random name for the tab, which the browser forgets when the tab is closed and no other tab ever learns.
NAME_OF_TAB = """() => {
  let name = sessionStorage.getItem('exegan');
  if (!name) {
    name = Array.from(crypto.getRandomValues(new Uint32Array(4)), n => n.toString(16).padStart(8, '0')).join('');
    sessionStorage.setItem('exegan', name);
  }
  return name;
}"""


class Visits:
    """Values of the page's components, by the random name of the tab that they were in."""

    def __init__(self) -> None:
        self._visits: OrderedDict[str, tuple[float, tuple[Any, ...]]] = OrderedDict()
        self._lock = threading.Lock()
        self._will_forget = False

    def keep(self, tab: str, values: tuple[Any, ...]) -> None:
        """Remember a tab's values in place of its former ones; the oldest tabs are forgotten.

        A tab that has no name yet is not remembered, others without one would get what it had.
        """
        if not tab:
            return
        with self._lock:
            self._visits.pop(tab, None)
            self._visits[tab] = time.monotonic(), values
            if len(self._visits) > MOST_VISITS:
                self._visits.popitem(last=False)
            self._forget_later()

    def find(self, tab: str) -> tuple[Any, ...] | None:
        """A tab's values; None where there are none any more."""
        with self._lock:
            since, values = self._visits.get(tab, (0.0, None))
        return values if values is not None and time.monotonic() - since <= KEPT_SECONDS else None

    def _forget_later(self) -> None:
        """See to it that what is old is forgotten even if nobody comes; called under the lock."""
        if self._visits and not self._will_forget:
            self._will_forget = True
            since = next(iter(self._visits.values()))[0]
            timer = threading.Timer(max(0.0, since + KEPT_SECONDS - time.monotonic()), self._forget)
            timer.daemon = True
            timer.start()

    def _forget(self) -> None:
        with self._lock:
            self._will_forget = False
            while self._visits and time.monotonic() - next(iter(self._visits.values()))[0] >= KEPT_SECONDS:
                self._visits.popitem(last=False)
            self._forget_later()
