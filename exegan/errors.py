"""Every exception the library raises on purpose.

::

    ExeGanError                 anything a person can put right; the command line prints it and exits with 2
    ├── InputError              a photo, mask, exemplar or folder is missing, unreadable or unsuitable
    │   ├── NoFaceFound         a photo or exemplar without a (suitable) face
    │   └── MaskError           a mask that is empty, of another size, or touches no face
    ├── DataError               a set of faces that was usable stopped answering (network)
    ├── WeightsError            a weight file is missing, damaged, of another architecture or not downloadable
    ├── ConfigError             a configuration with unknown keys or values that cannot work
    ├── TrainingDiverged        a loss term became NaN or infinite
    └── Interrupted             a person stopped long work; the command line exits with 130

Messages are one sentence: what was got, what was expected, what to do.
"""

from __future__ import annotations

import importlib
from types import ModuleType

_LONGEST = 2000


class ExeGanError(Exception):
    """Base of all errors below; catch it to report a problem without a traceback."""

    def __str__(self) -> str:
        text = super().__str__()
        # Messages quote what was got, which may be a whole damaged file; the advice stands at the end.
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 500]} … {text[-400:]}"


class InputError(ExeGanError):
    """A file or picture handed in by a person cannot be used."""


class NoFaceFound(InputError):
    """No face was detected where one is needed."""


class MaskError(InputError):
    """The mask does not describe a hole in a face of this photo."""


class DataError(ExeGanError):
    """A set of faces stopped answering, which no single face is to blame for."""


class WeightsError(ExeGanError):
    """Network weights are missing, damaged or do not fit the network."""


class ConfigError(ExeGanError):
    """A configuration names something unknown or asks for the impossible."""


class TrainingDiverged(ExeGanError):
    """A loss term or a weight became NaN or infinite, so that going on would only spoil the run."""


class Interrupted(ExeGanError):
    """A person stopped long work; the message says what is kept and how to go on."""


def require_package(package: str, install: str, kind: type[ExeGanError] = ConfigError) -> ModuleType:
    """Import a package that not everybody has installed, when it is used first.

    Args:
        package: Its name, or that of a module in it.
        install: What to install, and how.
        kind: Error to raise.

    Raises:
        ExeGanError: It cannot be imported; of the given kind.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise kind(f"the package {package} cannot be imported ({error}); install {install}") from error
