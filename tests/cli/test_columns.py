"""Columns: spacing as kubectl's, and text that cannot harm a terminal."""

from __future__ import annotations

from dynkube.cli.columns import Columns, visible


class TestColumns:
    def test_widest_cell_and_three_blanks(self) -> None:
        """A column is as wide as its widest cell and three blanks; the last cell is not padded."""
        assert Columns().lines([["NAME", "READY"], ["long-name", "1/1"]]) == ["NAME        READY", "long-name   1/1"]

    def test_no_column_is_narrower_than_six(self) -> None:
        """A column of short cells is six wide, as in kubectl's tables."""
        assert Columns().lines([["A", "B"], ["x", "y"]]) == ["A     B", "x     y"]

    def test_widths_are_remembered(self) -> None:
        """A row that comes later stays under the columns of the first ones."""
        columns = Columns()
        columns.lines([["a-rather-long-name", "1"]])
        assert columns.lines([["short", "2"]]) == ["short".ljust(len("a-rather-long-name") + 3) + "2"]

    def test_a_wider_late_row_widens_the_column(self) -> None:
        """A late row wider than its column moves the columns, rather than running into the next cell."""
        columns = Columns()
        columns.lines([["a", "1"]])
        assert columns.lines([["a-rather-long-name", "2"]]) == ["a-rather-long-name   2"]
        assert columns.lines([["b", "3"]]) == ["b".ljust(21) + "3"]

    def test_nothing_makes_no_lines(self) -> None:
        """No rows, no lines."""
        assert Columns().lines([]) == []

    def test_empty_last_cell_leaves_the_padding(self) -> None:
        """An empty last cell does not take the padding of the cell before it away, as in kubectl."""
        assert Columns().lines([["a", ""]]) == ["a     "]


class TestVisible:
    def test_plain_text_is_left_alone(self) -> None:
        """Printable text of any script is shown as it is."""
        assert visible("zażółć 日本") == "zażółć 日本"

    def test_escape_sequences_are_written_out(self) -> None:
        """An object's text cannot colour, clear or rename the terminal."""
        assert visible("a\x1b[2Jb") == "a^[[2Jb"

    def test_other_control_characters_are_written_out(self) -> None:
        """Bells, tabs and bidirectional overrides are shown by their code."""
        assert visible("a\x07b\tc\u202ed") == "a\\x07b\\tc\\u202ed"

    def test_only_the_first_line_is_shown(self) -> None:
        """A second line is cut and marked: it could forge a row."""
        assert visible("one\ntwo") == "one..."
        assert visible("one\rtwo") == "one..."
        assert visible("one\ftwo\nthree") == "one..."
