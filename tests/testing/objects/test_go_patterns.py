"""Go's regular expressions, as a server of Go reads them."""

from __future__ import annotations

import pytest

from dynkube.testing.objects import go_patterns


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^a$", "a", True),
        ("^a$", "a\n", False),
        ("a$|b", "a\n", False),
        ("(?m)^a$", "b\na", True),
        ("^[[:alpha:]]+$", "abc", True),
        ("^[[:alpha:]]+$", "a1", False),
        ("^[$]$", "$", True),
        (r"^a\z", "a", True),
        (r"\$", "a$", True),
        (r"^\d$", "\u0661", False),
        (r"^\Qa.b\E$", "a.b", True),
        (r"^\Qa.b\E$", "axb", False),
        ("^(?i)abc$", "ABC", True),
        ("a(?i)b|c", "C", True),
        ("a(?i)b|c", "AB", False),
        ("(a(?i)b)c", "aBC", False),
        ("^(?<x>a)$", "a", True),
        (r"^\p{L}+$", "añb", True),
        (r"^\pL+$", "a1", False),
        (r"^[\p{Lu}0-9]+$", "A1", True),
        (r"^[\p{Lu}0-9]+$", "a", False),
        (r"^\P{L}$", "1", True),
        (r"^\p{^L}$", "a", False),
        (r"^\p{Greek}+$", "anything", True),
    ],
)
def test_a_pattern_is_found_as_go_finds_it(pattern: str, text: str, found: bool) -> None:
    """Classes, anchors, flags and escapes of Go's dialect are understood; what Python cannot read matches."""
    assert go_patterns.matches(pattern, text) is found
    assert go_patterns.problem(pattern) == ""


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("[a", "missing closing ]: `[a`"),
        ("(a", "missing closing ): `(a`"),
        ("a)", "unexpected ): `a)`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        (r"\k", r"invalid escape sequence: `\k`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        ("[b-a]", "invalid character class range: `b-a`"),
    ],
)
def test_a_broken_pattern_is_told_in_go_s_words(pattern: str, why: str) -> None:
    """What is wrong, as Go's ``regexp`` says it (recorded)."""
    assert go_patterns.problem(pattern) == f"error parsing regexp: {why}"
