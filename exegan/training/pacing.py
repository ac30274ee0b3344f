"""When something that happens every so many thousands of images is due."""

from __future__ import annotations


class Pace:
    """Due once whenever a multiple of an interval has been passed.

    Args:
        kimg: The interval in thousands of images.
    """

    def __init__(self, kimg: float) -> None:
        self._interval = kimg * 1000
        self._last = -1

    def start(self, images: int) -> None:
        """Nothing is due for what was passed before `images`."""
        self._last = images

    def due(self, images: int) -> bool:
        """Whether a multiple has been passed since the last time this was true; of a new pace, the first call is."""
        passed = self._last < 0 or images // self._interval > self._last // self._interval
        if passed:
            self._last = images
        return passed

    def behind(self, images: int) -> bool:
        """Whether images were seen since it was last due, as at the end of a run."""
        return images > self._last
