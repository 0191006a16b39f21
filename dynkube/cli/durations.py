"""Lengths of time as kubectl's options take them: `30`, `1m30s`, `500ms`."""

from __future__ import annotations

import argparse
import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_WHOLE = re.compile(rf"[+-]?(?:{_PART.pattern})+")


def seconds(text: str) -> float:
    """Return the seconds `text` means: a whole number is seconds, anything else follows Go's time.ParseDuration.

    Raises argparse.ArgumentTypeError, which argparse turns into a message naming the option.
    """
    if _INTEGER.fullmatch(text):
        return float(text)
    if _WHOLE.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no length of time: write seconds (30) or units (1m30s, 500ms, 2h)"
        )
    total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return -total if text.startswith("-") else total


def age(elapsed: float) -> str:
    """Return `elapsed` seconds as kubectl shows ages: two units where one alone would be coarse (`5m10s`, `3d4h`)."""
    whole = int(elapsed)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if hours < 24 * 365 * 2:
        return f"{days}d"
    if hours < 24 * 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(first: int, first_unit: str, second: int, second_unit: str) -> str:
    return f"{first}{first_unit}{second}{second_unit}" if second else f"{first}{first_unit}"
