"""kubectl's JSONPath templates, and every other form of `get -o` that prints objects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.objects import config_map
from dynkube.cli.exits import OK, USAGE
from dynkube.cli.template import Template
from dynkube.errors import InvalidRequestError

if TYPE_CHECKING:
    from pathlib import Path

    from cli.running import Run
    from dynkube.dynamic import DynamicClient

POD = {
    "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "web"}},
    "spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:2"}], "replicas": 3, "on": True},
}


@pytest.mark.parametrize(
    ("template", "printed"),
    [
        ("{.metadata.name}", "web"),
        (".metadata.name", ".metadata.name"),
        ("name: {.metadata.name}!", "name: web!"),
        ("{.spec.replicas}{.spec.on}", "3true"),
        ("{.missing}", ""),
        ("{.missing.deeper}-", "-"),
        ("{.metadata.labels}", '{"app.kubernetes.io/name":"web"}'),
        (r"{.metadata.labels.app\.kubernetes\.io/name}", "web"),
        ("{.spec.containers[*].name}", "a b"),
        ("{.spec.containers[?(@.name=='b')].image}", "y:2"),
        ("{.spec.containers[?(@.name=='}')].image}", ""),
        ('{range .spec.containers[*]}{.name}{"\\t"}{.image}{"\\n"}{end}', "a\tx:1\nb\ty:2\n"),
        ("{range .spec.containers[*]}[{range .missing[*]}x{end}{.name}]{end}", "[a][b]"),
        ("{range .spec}{range .containers[*]}{.name}{end}{.replicas}{end}", "ab3"),
        ('{"a\\"}b"}', 'a"}b'),
        ("{range .spec.containers[*]}{@}{end}", '{"image":"x:1","name":"a"}{"image":"y:2","name":"b"}'),
        ("{'single'}", "single"),
        ("", ""),
    ],
)
def test_what_a_template_prints(template: str, printed: str) -> None:
    """Text stands for itself, a path for its values, a range for its parts once a value."""
    assert Template.parse(template).render(POD) == printed


@pytest.mark.parametrize("template", ["{}", "{@}", "{$}"])
def test_the_whole_object(template: str) -> None:
    """A path that goes nowhere is the object itself, its keys sorted."""
    printed = Template.parse(template).render(POD)
    assert json.loads(printed) == POD
    assert list(json.loads(printed)) == ["metadata", "spec"]


@pytest.mark.parametrize(
    ("template", "arrays"),
    [
        ("{.metadata.name}", [["web"]]),
        ("{.spec.containers[*].name}", [["a", "b"]]),
        ("{.missing}", [[]]),
        ("{.spec.replicas} and {.spec.on}", [[3], [" and "], [True]]),
    ],
)
def test_as_json(template: str, arrays: list[list[object]]) -> None:
    """Each part prints an array of its values, and nothing loses its type."""
    expected = "".join(json.dumps(array, indent=4) + "\n" for array in arrays)
    assert Template.parse(template, as_json=True).render(POD) == expected


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{.metadata", "is not closed"),
        ("{.a} {", "is not closed"),
        ('{"open}', "is not closed"),
        ("{end}", "without a {range}"),
        ("{range .a[*]}x", "without an {end}"),
        ("{range}{end}", "names nothing"),
        ("{.a[}", "'['"),
        ('{"\\q"}', "stands for no character"),
        ("{.a b}", "is not understood"),
    ],
)
def test_templates_that_mean_nothing(template: str, problem: str) -> None:
    """A template that cannot be understood is refused with the place."""
    with pytest.raises(InvalidRequestError) as caught:
        Template.parse(template)
    assert problem in str(caught.value) or "JSONPath" in str(caught.value)


class TestGet:
    @pytest.fixture(autouse=True)
    def objects(self, dyn: DynamicClient, namespace: str) -> None:
        """Make two config maps."""
        config_maps = dyn.resource("v1", "configmaps").namespace(namespace)
        config_maps.create(config_map("a", {"n": "9"}, labels={"tier": "front"}))
        config_maps.create(config_map("b", {"n": "10"}))

    def test_one_object(self, run: Run) -> None:
        """One object asked for by name is what the template sees; nothing is added, not even a newline."""
        assert run("get", "cm", "a", "-o", "jsonpath={.data.n}") == (OK, "9", "")

    def test_many_objects(self, run: Run) -> None:
        """Whatever else was asked for is a List to the template, as in kubectl."""
        text = '{.kind}{"\\n"}{range .items[*]}{.metadata.name}={.data.n}{"\\n"}{end}'
        assert run("get", "cm", "-o", f"jsonpath={text}").lines == ["List", "a=9", "b=10"]
        assert run("get", "cm", "a", "b", "-o", "jsonpath={.items[*].metadata.name}").out == "a b"

    def test_from_a_file(self, run: Run, tmp_path: Path) -> None:
        """`jsonpath-file` reads the template from a file."""
        (tmp_path / "template").write_text('{range .items[*]}{.data.n}{"\\n"}{end}')
        assert run("get", "cm", "-o", f"jsonpath-file={tmp_path}/template").lines == ["9", "10"]

    def test_nothing(self, run: Run) -> None:
        """A list of nothing is a list to the template, and no failure."""
        assert run("get", "secrets", "-o", "jsonpath={.items}") == (OK, "[]", "")

    def test_custom_columns(self, run: Run) -> None:
        """A column for each path, `<none>` where it leads nowhere."""
        shown = run("get", "cm", "-o", "custom-columns=NAME:.metadata.name,N:{.data.n},LABELS:.metadata.labels")
        assert [line.split() for line in shown.lines] == [
            ["NAME", "N", "LABELS"],
            ["a", "9", '{"tier":"front"}'],
            ["b", "10", "<none>"],
        ]
        assert run("get", "cm", "a", "-o", "custom-columns=N:.data.n", "--no-headers").lines == ["9"]

    @pytest.mark.parametrize(
        ("output", "problem"),
        [
            ("yml", "invalid choice: 'yml'"),
            ("yaml=x", "invalid choice: 'yaml=x'"),
            ("jsonpath", "needs to be told what to print"),
            ("jsonpath=", "needs to be told what to print"),
            ("jsonpath={.a", "is not closed"),
            ("jsonpath-file=/nowhere/t", "/nowhere/t"),
            ("custom-columns=NAME", "'NAME' is not HEADING:PATH"),
            ("custom-columns=NAME:.a[", "JSONPath"),
        ],
    )
    def test_mistakes(self, run: Run, output: str, problem: str) -> None:
        """A form that cannot be understood exits with 2 and one line, before anything is sent."""
        shown = run("--server", "http://127.0.0.1:1", "get", "cm", "-o", output)
        assert (shown.code, shown.out) == (USAGE, "")
        assert problem in shown.err
        assert shown.err.count("\n") == 1

    def test_the_forms_that_were_there(self, run: Run) -> None:
        """`-o json` goes on printing JSON."""
        assert json.loads(run("get", "cm", "a", "-o", "json").out)["data"] == {"n": "9"}
