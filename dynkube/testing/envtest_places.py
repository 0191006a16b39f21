"""Where envtest finds binaries, ports and how long it may take: variables, folders, lock files."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Final

from dynkube.errors import ConfigError

#: Where the binaries are when nothing says otherwise.
DEFAULT_FOLDER: Final = Path("/usr/local/kubebuilder/bin")
#: Seconds a port stays reserved for who asked for it.
_RESERVED: Final = 120.0
_TRIES: Final = 100
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


class Duration:
    """Durations as Go writes them: ``1m30s``, ``500ms``."""

    @staticmethod
    def parse(text: str) -> float:
        """Return a duration in seconds. Raises ValueError."""
        parts = list(_PART.finditer(text))
        if "".join(part.group() for part in parts) != text or not parts:
            raise ValueError(f"{text!r} is not a duration such as 20s or 1m30s")
        return sum(float(part.group(1)) * _SECONDS[part.group(2)] for part in parts)

    @classmethod
    def of(cls, step: str, given: float | None) -> float:
        """Return the seconds given, or those of the variable for START or STOP, or 20. Raises ConfigError."""
        name = f"KUBEBUILDER_CONTROLPLANE_{step}_TIMEOUT"
        text = os.environ.get(name, "")
        if given is not None or not text:
            return 20.0 if given is None else given
        try:
            return cls.parse(text)
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from error


def binary(name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of a binary. Raises ConfigError naming every place that was looked at."""
    variable = f"TEST_ASSET_{name.upper().replace('-', '_')}"
    single, assets = os.environ.get(variable), os.environ.get("KUBEBUILDER_ASSETS")
    if single:
        places = [(variable, Path(single))]
    elif assets:
        places = [("KUBEBUILDER_ASSETS", Path(assets) / name)]
    else:
        places = [("assets", Path(folder) / name)] if folder is not None else []
        places.append(("the default folder", DEFAULT_FOLDER / name))
    for _, path in places:
        if shutil.which(str(path)):
            return path
    looked = ", ".join(f"{path} ({why})" for why, path in places)
    raise ConfigError(f"{name} is not found, or cannot be run: {looked}. Set KUBEBUILDER_ASSETS to its folder")


def _cache() -> Path:
    """Return the folder of lock files, made if need be: in the user's cache, or else among the temporary files."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = (Path(base) if base else Path.home() / ".cache") / "kubebuilder-envtest"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a home that cannot be written to, or none at all
        folder = Path(tempfile.gettempdir()) / "kubebuilder-envtest"
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_port(address: str) -> int:
    """Return a free port that nobody who asks this way is given within two minutes. Raises OSError after 100 tries."""
    folder = _cache()
    for old in folder.glob("port-*"):
        # Somebody else may tidy up at the same time.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - old.stat().st_mtime > _RESERVED:
                old.unlink()
    for _ in range(_TRIES):
        with socket.socket() as probe:
            probe.bind((address, 0))
            port = int(probe.getsockname()[1])
        try:
            (folder / f"port-{port}").touch(exist_ok=False)
        except FileExistsError:
            continue
        return port
    raise OSError(f"no free port on {address} in {_TRIES} tries")
