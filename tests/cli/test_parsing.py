"""From words to options."""

from __future__ import annotations

import pytest

from dynkube.cli import main
from dynkube.cli.exits import OK, USAGE, UsageError
from dynkube.cli.parsing import COMMANDS, parse


class TestParse:
    def test_common_options_stand_before_or_after_the_command(self) -> None:
        """Users of kubectl write `-n x` where they like."""
        before = parse(["-n", "shop", "get", "deploy"])
        after = parse(["get", "deploy", "-n", "shop"])
        assert before.namespace == after.namespace == "shop"
        assert before.targets == after.targets == ["deploy"]

    def test_options_between_positionals(self) -> None:
        """An option may stand between the resource and the names."""
        assert parse(["get", "deploy", "-o", "yaml", "web"]).targets == ["deploy", "web"]

    @pytest.mark.parametrize(
        "words", [["-o=yaml"], ["-oyaml"], ["-o", "yaml"], ["--output=yaml"], ["--output", "yaml"]]
    )
    def test_values_in_every_spelling(self, words: list[str]) -> None:
        """A value is attached, after "=" or the next word."""
        assert parse(["get", "deploy", *words]).output == "yaml"

    @pytest.mark.parametrize(
        ("words", "value"), [([], True), (["--wait"], True), (["--wait=true"], True), (["--wait=false"], False)]
    )
    def test_switches_take_values_too(self, words: list[str], value: bool) -> None:
        """`--wait=false` is how kubectl's users turn a default off."""
        assert parse(["delete", "deploy", "web", *words]).wait is value

    def test_option_value_equal_to_a_command(self) -> None:
        """The value of a common option is not taken for the command."""
        options = parse(["--context", "get", "version", "--client"])
        assert options.context == "get"
        assert options.client is True

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([], "which command?"),
            (["gte"], "unknown command 'gte'; did you mean 'get'?"),
            (["get", "deploy", "--selecter", "a=b"], "--selecter"),
            (["get", "deploy", "--all-name"], "--all-name"),
            (["get", "deploy", "-o", "yml"], "invalid choice: 'yml'"),
            (["get", "deploy", "--request-timeout", "soon"], "'soon' is no length of time"),
            (["delete", "deploy", "web", "--wait=maybe"], "--wait"),
            (["serve", "--port", "http"], "invalid int value: 'http'"),
        ],
    )
    def test_mistakes(self, words: list[str], message: str) -> None:
        """What cannot be understood is named, with a way to the help."""
        with pytest.raises(UsageError) as caught:
            parse(words)
        assert message in str(caught.value)
        assert "--help" in str(caught.value)


class TestHelp:
    def test_overview_names_every_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        """`dynkube --help` lists the commands, each with its line."""
        assert main(["--help"]) == OK
        shown = capsys.readouterr().out
        for command in COMMANDS:
            word, *more = command.name.split()
            assert f"  {word} " in shown
            assert more or command.summary in shown

    def test_groups_have_an_overview(self, capsys: pytest.CaptureFixture[str]) -> None:
        """`dynkube config --help` lists the commands below it, and `dynkube config` alone says so."""
        assert main(["config", "--help"]) == OK
        assert "  use-context " in capsys.readouterr().out
        assert main(["config"]) == USAGE
        assert "which config command?" in capsys.readouterr().err

    @pytest.mark.parametrize("command", [each.name for each in COMMANDS])
    def test_each_command_has_help(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        """Every command explains its options and the common ones."""
        assert main([*command.split(), "--help"]) == OK
        shown = capsys.readouterr().out
        assert f"usage: dynkube {command}" in shown
        assert "--kubeconfig" in shown

    def test_mistakes_are_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Bad usage prints one line on standard error, nothing on standard output, and exits with 2."""
        assert main(["get", "deploy", "--nonsense"]) == USAGE
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.count("\n") == 1
        assert shown.err.startswith("error: ")
