"""Semantic versions (semver.org), as blang/semver orders them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from dynkube.testing.cel import types
from dynkube.testing.cel.declarations import Overload, member, plain
from dynkube.testing.cel.values import EvaluationError
from dynkube.testing.objects.report import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.testing.cel.types import Type

_IDENTIFIER = re.compile(r"[0-9A-Za-z-]+")


@dataclass(frozen=True)
class Semver:
    """A version; the build is no part of its order."""

    major: int
    minor: int
    patch: int
    pre_release: tuple[str, ...] = ()
    build: tuple[str, ...] = field(default=(), compare=False)
    cel_type: ClassVar[Type] = types.SEMVER

    def order(self) -> tuple[object, ...]:
        """Return what versions are ordered by: a release comes after its pre-releases, numbers before words."""
        words = tuple((0, int(word), "") if word.isdigit() else (1, 0, word) for word in self.pre_release)
        return (self.major, self.minor, self.patch, not words, words)


def overloads() -> Iterator[Overload]:
    """Yield the functions of versions."""
    yield plain("semver", "string", "semver", parse)
    yield plain("semver", "string, bool", "semver", _parse_with)
    yield plain("isSemver", "string", "bool", lambda text: _reads(text, normalize=False))
    yield plain("isSemver", "string, bool", "bool", lambda text, normalize: _reads(text, normalize=normalize))
    yield member("isGreaterThan", "semver, semver", "bool", lambda one, other: _compare(one, other) > 0)
    yield member("isLessThan", "semver, semver", "bool", lambda one, other: _compare(one, other) < 0)
    yield member("compareTo", "semver, semver", "int", _compare)
    yield member("major", "semver", "int", lambda one: one.major)
    yield member("minor", "semver", "int", lambda one: one.minor)
    yield member("patch", "semver", "int", lambda one: one.patch)


def _compare(one: Semver, other: Semver) -> int:
    left, right = one.order(), other.order()
    return (left > right) - (left < right)


def _parse_with(text: str, normalize: bool) -> Semver:
    return parse(_normalized(text) if normalize else text)


def _reads(text: str, *, normalize: bool) -> bool:
    try:
        _parse_with(text, normalize)
    except EvaluationError:
        return False
    return True


def parse(text: str) -> Semver:
    """Return a version. Raises EvaluationError."""
    if not text:
        raise EvaluationError("Version string empty")
    parts = text.split(".", 2)
    if len(parts) != 3:
        raise EvaluationError("No Major.Minor.Patch elements found")
    major, minor = _number(parts[0], "major"), _number(parts[1], "minor")
    rest, plus, build = parts[2].partition("+")
    patch, minus, pre_release = rest.partition("-")
    number = _number(patch, "patch")
    words = tuple(pre_release.split(".")) if minus else ()
    for word in words:
        _check_word(word, "prerelease")
        if len(word) > 1 and word.isdigit() and word.startswith("0"):
            raise EvaluationError(f"Numeric PreRelease version must not contain leading zeroes {quote(word)}")
    builds = tuple(build.split(".")) if plus else ()
    for word in builds:
        _check_word(word, "build meta data")
    return Semver(major, minor, number, words, builds)


def _number(text: str, what: str) -> int:
    if re.fullmatch(r"[0-9]+", text) is None:
        raise EvaluationError(f"Invalid character(s) found in {what} number {quote(text)}")
    if len(text) > 1 and text.startswith("0"):
        raise EvaluationError(f"{what.capitalize()} number must not contain leading zeroes {quote(text)}")
    return int(text)


def _check_word(word: str, what: str) -> None:
    if not word:
        raise EvaluationError("Prerelease is empty" if what == "prerelease" else "Build meta data is empty")
    if _IDENTIFIER.fullmatch(word) is None:
        raise EvaluationError(f"Invalid character(s) found in {what} {quote(word)}")


def _normalized(text: str) -> str:
    """Return ``v1.02`` as ``1.2.0``. Raises EvaluationError."""
    parts = text.removeprefix("v").split(".", 2)
    for index, part in enumerate(parts):
        if len(part) > 1:
            bare = part.lstrip("0")
            parts[index] = bare if bare[:1].isdigit() else f"0{bare}"
    if len(parts) < 3:
        if "+" in parts[-1] or "-" in parts[-1]:
            raise EvaluationError("short version cannot contain PreRelease/Build meta data")
        parts += ["0"] * (3 - len(parts))
    return ".".join(parts)
