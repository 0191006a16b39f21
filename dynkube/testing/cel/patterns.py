"""Regular expressions of rules."""

from __future__ import annotations

import re

from dynkube.testing.cel.values import EvaluationError
from dynkube.testing.objects import go_patterns


def problem(pattern: str) -> str:
    """Return why a text is no regular expression; "" when it is one."""
    return go_patterns.problem(pattern)


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern ready to search. Raises EvaluationError."""
    try:
        return go_patterns.compiled(pattern)
    except re.error as error:
        raise EvaluationError(str(error)) from None
