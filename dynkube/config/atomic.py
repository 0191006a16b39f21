"""Replacing files so that no reader ever sees half of one, under the lock other Kubernetes tools honour."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from dynkube.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Mode of a kubeconfig that did not exist before: it holds credentials.
NEW_FILE_MODE = 0o600


@contextlib.contextmanager
def locked(paths: Iterable[str]) -> Iterator[None]:
    """Hold ``<file>.lock`` of each path, as clientcmd's ``ModifyConfig`` does; folders are made as needed.

    Nothing waits: a lock that is there is a `ConfigError` that names it. Locks are taken in sorted order.
    """
    with contextlib.ExitStack() as held:
        for path in sorted(set(paths)):
            lock = Path(f"{path}.lock")
            try:
                lock.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                raise ConfigError(
                    f"{path}: is being changed by another process; if there is none, remove {lock}", path=path
                ) from None
            except OSError as error:
                raise ConfigError(f"{path}: cannot be locked with {lock}: {error.strerror}", path=path) from None
            held.callback(lock.unlink, missing_ok=True)
        yield


def replace_file(path: str, content: bytes) -> None:
    """Write the file by way of a temporary one beside it and a rename.

    A symbolic link stays one: its target is replaced. Mode and, where allowed, owner of an existing file are kept; a
    new file gets `NEW_FILE_MODE`. Raises `ConfigError`; the old content is then untouched.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, NEW_FILE_MODE)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            _keep_attributes(target, temporary)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}", path=path) from None


def _keep_attributes(target: Path, temporary: Path) -> None:
    try:
        before = target.stat()
    except FileNotFoundError:
        return
    temporary.chmod(stat.S_IMODE(before.st_mode))
    if hasattr(os, "chown"):
        # Only root may give files away; for anyone else the owner is the writer already.
        with contextlib.suppress(PermissionError):
            os.chown(temporary, before.st_uid, before.st_gid)
