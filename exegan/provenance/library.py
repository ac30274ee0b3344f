"""The package c2pa-python, which is optional."""

from __future__ import annotations

from typing import Any

from exegan.errors import ConfigError

# Nothing is fetched from anywhere: no manifests, no revocation lists; and no small copy of the photo goes into a
# manifest, since it would show what was edited away.
_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


def library() -> Any:
    """The module `c2pa`.

    Raises:
        ConfigError: The extra is not installed.
    """
    try:
        import c2pa
    except ImportError as error:
        raise ConfigError(f"C2PA needs the extra ({error}); run pip install 'exegan[c2pa]'") from error
    return c2pa


def local_context() -> Any:
    """Settings under which the library keeps to this machine, as its `Context`, to be closed."""
    return library().Context.from_dict(_SETTINGS)
