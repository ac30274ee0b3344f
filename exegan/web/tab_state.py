"""What each tab had on the page, kept for a while and given back when it loads anew, as after a lost connection."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import gradio as gr

from exegan.inpainter import Inpainter
from exegan.web.completion import show_samples
from exegan.web.components import Page, Updates, Values
from exegan.web.events import completion_inputs, light, photo_outputs, say, scene_with_hole, show_photo
from exegan.web.exemplars import ExemplarCache, read_exemplars
from exegan.web.file_access import FILE_LIFETIME_SECONDS  # the files that a state names do not live longer

MAX_TABS = 100  # some states hold pictures of several MiB
# A random name for the tab, which the browser forgets when the tab is closed and no other tab ever learns.
TAB_NAME = """() => {
  let name = sessionStorage.getItem('exegan');
  if (!name) {
    name = Array.from(crypto.getRandomValues(new Uint32Array(4)), n => n.toString(16).padStart(8, '0')).join('');
    sessionStorage.setItem('exegan', name);
  }
  return name;
}"""


class TabStates:
    """Values of the page's components, by the random name of the tab that they were in."""

    def __init__(self) -> None:
        self._states: OrderedDict[str, tuple[float, Mapping[Any, Any]]] = OrderedDict()
        self._lock = threading.Lock()
        self._is_expiry_planned = False

    def save(self, tab: str, values: Mapping[Any, Any]) -> None:
        """Keep a tab's values in place of its former ones; beyond `MAX_TABS` the oldest are dropped.

        Those of a tab that has no name yet are not kept: others without one would get them.
        """
        if not tab:
            return
        with self._lock:
            self._states.pop(tab, None)
            self._states[tab] = time.monotonic(), values
            if len(self._states) > MAX_TABS:
                self._states.popitem(last=False)
            self._plan_expiry()

    def find(self, tab: str) -> Mapping[Any, Any] | None:
        """A tab's values; None where there are none any more."""
        with self._lock:
            since, values = self._states.get(tab, (0.0, None))
        return values if values is not None and time.monotonic() - since <= FILE_LIFETIME_SECONDS else None

    def _plan_expiry(self) -> None:
        """See to it that what is old is dropped even if no request comes; called under the lock."""
        if self._states and not self._is_expiry_planned:
            self._is_expiry_planned = True
            since = next(iter(self._states.values()))[0]
            timer = threading.Timer(max(0.0, since + FILE_LIFETIME_SECONDS - time.monotonic()), self._expire)
            timer.daemon = True
            timer.start()

    def _expire(self) -> None:
        with self._lock:
            self._is_expiry_planned = False
            while self._states and time.monotonic() - next(iter(self._states.values()))[0] >= FILE_LIFETIME_SECONDS:
                self._states.popitem(last=False)
            self._plan_expiry()


def connect_tab_state(blocks: gr.Blocks, inpainter: Inpainter, page: Page, cache: ExemplarCache) -> None:
    """Save what a tab has whenever that changes, and restore it when it loads; called within its `gr.Blocks`."""
    states, tab, state = TabStates(), gr.Textbox(visible=False), page.state
    saved = [*completion_inputs(page), state.samples]

    def on_change(values: Values) -> None:
        states.save(values.pop(tab), values)

    changes = [component.change for component in saved]  # type: ignore[attr-defined]
    gr.on(changes, on_change, {tab, *saved}, None, trigger_mode="always_last", **light())

    def on_load(name: str) -> tuple[str, str]:
        values = states.find(name)
        return name, "" if values is None or values[state.photo] is None else name

    def restore(name: str) -> Updates:
        values = states.find(name)
        if values is None:
            return {page.exemplar.message: say("what this tab had is gone; drop the photo again")}
        return _restored(inpainter, page, cache, dict(values))

    # Two events, so that one with nothing to restore touches nothing: a photo may be on its way already.
    found = gr.State("")
    blocks.load(on_load, tab, [tab, found], js=TAB_NAME, **light())
    outputs = list(dict.fromkeys([*photo_outputs(page), *saved, page.result.results]))
    found.change(restore, found, outputs, **light())


def _restored(inpainter: Inpainter, page: Page, cache: ExemplarCache, values: Values) -> Updates:
    """The page as it was."""
    step, exemplar = page.photo, page.exemplar
    shown = show_photo(page, values[page.state.photo])
    restored = {
        **shown,
        **values,
        step.faces: {**shown[step.faces], "value": values[step.faces]},
        step.canvas: gr.update(value=values[step.canvas], scene=scene_with_hole(page, values)),
        page.result.results: gr.update(shown=show_samples(values[page.state.samples])),
    }
    for component in (exemplar.photos, exemplar.second_exemplar):
        kept, cards = cache.show(inpainter, read_exemplars(values[component]))
        restored[component] = gr.update(value=kept, shown=cards)
    return restored
