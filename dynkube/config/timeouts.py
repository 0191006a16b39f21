"""How long a request may take."""

from __future__ import annotations

import enum
import math
from typing import Final, Union

from dynkube.errors import InvalidRequestError
from dynkube.values import Value

#: Seconds a connection (TCP and TLS) may take to be made, unless configured.
DEFAULT_CONNECT: Final = 10.0
#: Seconds of silence allowed while an answer is read, unless configured.
DEFAULT_READ: Final = 60.0


class Unset(enum.Enum):
    """Type of `UNSET`; an enumeration, so that ``is UNSET`` narrows the type."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


#: "Not given" where None already means "no limit": the configured value applies.
UNSET: Final = Unset.UNSET


class Timeout(Value):
    """Limits of one request, in seconds; None means no limit.

    ``connect``: making the connection. ``read``: silence while reading. ``total``: the whole request, retries and
    their pauses included. Raises `InvalidRequestError` for zero, negative and non-finite numbers: zero means "none" in
    a kubeconfig and "at once" to a socket, so it has to be said in words.
    """

    connect: float | None = DEFAULT_CONNECT
    read: float | None = DEFAULT_READ
    total: float | None = None

    def __post_init__(self) -> None:
        for name in ("connect", "read", "total"):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidRequestError(f"{name} timeout must be a number of seconds or None, not {value!r}")
            if not math.isfinite(value) or value <= 0:
                raise InvalidRequestError(
                    f"{name} timeout must be a positive number of seconds, not {value!r}; None means no limit"
                )

    @classmethod
    def of(cls, value: TimeoutLike) -> Timeout:
        """Return the timeout a caller means.

        A number is the read timeout (connecting gets the default, or less if the number is less); a pair is
        (connect, read); None is no limit at all; a `Timeout` is itself.
        """
        if isinstance(value, Timeout):
            return value
        if value is None:
            return cls(None, None)
        if isinstance(value, tuple):
            if len(value) != 2:
                raise InvalidRequestError(f"a timeout pair is (connect, read), not {value!r}")
            return cls(value[0], value[1])
        timeout = cls(DEFAULT_CONNECT, value)
        return cls(min(DEFAULT_CONNECT, value), timeout.read)


#: What is accepted wherever a timeout is given.
TimeoutLike = Union[float, "tuple[float | None, float | None]", Timeout, None]
