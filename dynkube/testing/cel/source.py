"""Places in the text of an expression, and what is wrong there, as the server prints it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong with an expression, and the offset in its text where."""

    offset: int
    message: str


class CompilationError(Exception):
    """An expression cannot be used; ``issues`` says why, and the exception's text is what the server prints."""

    def __init__(self, text: str, issues: list[Issue]) -> None:
        self.issues = sorted(issues, key=lambda issue: issue.offset)
        super().__init__("\n".join(display(text, issue) for issue in self.issues))


def display(text: str, issue: Issue) -> str:
    """Return an issue with its line and a mark below the place, as cel-go's ``ToDisplayString`` does."""
    before = text[: issue.offset]
    line, column = before.count("\n") + 1, issue.offset - (before.rfind("\n") + 1)
    shown = text.split("\n")[line - 1].replace("\t", " ")
    # Characters of more than one byte are marked by wide ones, so that the mark stands below the place.
    dots = "".join("." if char.isascii() else "\uff0e" for char in shown[:column])
    mark = "^" if column >= len(shown) or shown[column].isascii() else "\uff3e"
    return f"ERROR: <input>:{line}:{column + 1}: {issue.message}\n | {shown}\n | {dots}{mark}"
