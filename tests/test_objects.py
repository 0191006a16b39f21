"""Plain dicts as objects: nested fields, YAML rules, manifests."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dynkube.errors import InvalidRequestError, ManifestError
from dynkube.objects import (
    add_finalizer,
    dump_yaml,
    get_condition,
    load_manifests,
    load_yaml,
    nested_get,
    nested_set,
    owner_reference,
    remove_finalizer,
)

if TYPE_CHECKING:
    from pathlib import Path

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(codec="utf-8"))
    | st.sampled_from(
        [
            "yes",
            "y",
            "1e3",
            "0o12",
            "=",
            "2024-01-02",
            "1:30",
            "~",
            "null",
            "<<",
            "1_000",
            ".inf",
            "-",
            "a: b",
            "# c",
            "0x1f",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_nested_get_walks_dicts_and_lists() -> None:
    """Field names and list indexes lead to the value; a missing step gives the default."""
    pod = {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}, "status": None}
    assert nested_get(pod, "spec", "containers", 1, "name") == "b"
    assert nested_get(pod, "spec", "containers", -1, "name") == "b"
    assert nested_get(pod, "spec", "containers", 2, "name", default="?") == "?"
    assert nested_get(pod, "spec", "volumes") is None
    assert nested_get(pod, "spec", "containers", "name", default=0) == 0
    assert nested_get(pod, "status", "phase", default="Unknown") == "Unknown"
    assert nested_get(pod, "status", default={}) is None
    assert nested_get(pod) is pod


def test_nested_set_makes_the_way() -> None:
    """Missing and null dicts on the way are made; siblings stay."""
    obj: dict[str, Any] = {"spec": None, "kind": "X"}
    nested_set(obj, "spec", "template", "replicas", 3)
    assert obj == {"spec": {"template": {"replicas": 3}}, "kind": "X"}
    nested_set(obj, "kind", "Y")
    assert obj["kind"] == "Y"


@pytest.mark.parametrize("path", [("kind", "a", 1), ("items", "a", 1)])
def test_nested_set_refuses_to_replace_a_value_by_a_dict(path: tuple[Any, ...]) -> None:
    """A string or list on the way is not thrown away."""
    with pytest.raises(InvalidRequestError, match="cannot set a field under"):
        nested_set({"kind": "X", "items": []}, *path)


def test_nested_set_needs_a_path() -> None:
    """A value alone says nothing."""
    with pytest.raises(InvalidRequestError, match="at least one field"):
        nested_set({}, "x")


def test_condition_is_found_by_type() -> None:
    """The condition of the type is returned, or None where there is none or no status at all."""
    obj = {"status": {"conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "False"}]}}
    assert get_condition(obj, "B") == {"type": "B", "status": "False"}
    assert get_condition(obj, "C") is None
    assert get_condition({}, "A") is None
    assert get_condition({"status": {"conditions": None}}, "A") is None


def test_owner_reference_names_the_owner() -> None:
    """The four identifying fields are copied; flags appear only when set."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web", "uid": "u-1", "labels": {}}}
    expected = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u-1"}
    assert owner_reference(owner) == expected
    assert owner_reference(owner, controller=True, block_owner_deletion=True) == {
        **expected,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def test_owner_reference_needs_a_uid() -> None:
    """An object that never was on a server cannot own anything."""
    with pytest.raises(InvalidRequestError, match="no uid"):
        owner_reference({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}})


def test_finalizers_are_added_once_and_removed() -> None:
    """Adding is idempotent, removing the last one removes the field; both say whether anything changed."""
    obj: dict[str, Any] = {}
    assert add_finalizer(obj, "example.com/a")
    assert not add_finalizer(obj, "example.com/a")
    assert add_finalizer(obj, "example.com/b")
    assert remove_finalizer(obj, "example.com/a")
    assert not remove_finalizer(obj, "example.com/a")
    assert obj == {"metadata": {"finalizers": ["example.com/b"]}}
    assert remove_finalizer(obj, "example.com/b")
    assert obj == {"metadata": {}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("y", True), ("on", True), ("Off", False), ("n", False), ("True", True),
        ("2024-01-02", "2024-01-02"), ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        ("1:30", "1:30"),
        ("1e3", 1000), ("1e+3", 1000), ("1.5e-1", 0.15), ("1.0", 1), (".5", 0.5), ("!!set {a}", ManifestError),
        ("0o12", 10), ("012", 10), ("0x1f", 31), ("0b11", 3), ("1_000", 1000), ("-012", -10), ("+7", 7), ("08", 8),
        ("=", "="), ("~", None), ("null", None), ("", None), ("!!binary Zm9v", "foo"), ("!!str 1", "1"),
        ("!!timestamp 2024-01-02", "2024-01-02"), ("1.2.3", "1.2.3"), ("1e", "1e"), ("-", [None]), ("0.1.", "0.1."),
        ("yEs", "yEs"), ("99999999999999999999", 99999999999999999999), ("12345678-1234", "12345678-1234"),
        (".inf", ManifestError), (".nan", ManifestError), ("!!binary /w==", ManifestError), ("1e400", ManifestError),
        ("!!python/object/apply:os.getcwd []", ManifestError), ("!!bool maybe", ManifestError),
        ("!!int x", ManifestError),
    ],
)  # fmt: skip
@pytest.mark.parametrize("pure", [False, True], ids=["libyaml", "pure"])
def test_scalars_mean_what_they_mean_to_kubectl(
    text: str, value: Any, pure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain scalars follow the Go loader, with libyaml and without."""
    if pure:
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    if value is ManifestError:
        with pytest.raises(ManifestError):
            load_yaml(text)
        return
    loaded = load_yaml(text)
    assert loaded == value
    assert type(loaded) is type(value)


def test_keys_become_strings() -> None:
    """Numbers and booleans as keys get their JSON spelling; a null or a list is no key."""
    assert load_yaml("{1: a, true: b, 1.5: c, 0x10: d}") == {"1": "a", "true": "b", "1.5": "c", "16": "d"}
    for text in ("{~: a}", "? [a]\n: b"):
        with pytest.raises(ManifestError, match="a key must be"):
            load_yaml(text)


def test_last_of_two_equal_keys_wins() -> None:
    """Duplicate keys are resolved as in Go, in YAML and JSON."""
    assert load_yaml("a: 1\na: 2") == load_yaml('{"a": 1, "a": 2}') == {"a": 2}


def test_merge_keys_are_followed() -> None:
    """`<<` merges a mapping, and own keys win."""
    assert load_yaml("base: &b {x: 1, y2: 2}\nmine: {<<: *b, x: 3}")["mine"] == {"x": 3, "y2": 2}


def test_a_merge_key_that_is_a_value_is_text() -> None:
    """`<<` where no key stands is a string, as Go reads it: kubectl prints such a value without quotes."""
    assert load_yaml("a: <<\nb: [<<, x]\n<<: {c: 1}") == {"a": "<<", "b": ["<<", "x"], "c": 1}


def test_aliases_do_not_share() -> None:
    """Two uses of one anchor are two values: changing one leaves the other."""
    loaded = load_yaml("a: &x {k: [1]}\nb: *x")
    loaded["a"]["k"].append(2)
    assert loaded["b"] == {"k": [1]}


def test_alias_bombs_and_loops_are_refused() -> None:
    """Aliases that expand without end are an error, not the end of memory."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(ManifestError, match="expand to more than"):
        load_yaml("\n".join(lines))
    with pytest.raises(ManifestError):
        load_yaml("&a [*a]")


@pytest.mark.parametrize("opening", ["[", "a: [", "{x: ", "- ", "? "])
def test_deep_nesting_is_an_error(opening: str) -> None:
    """A document nested beyond the stack is refused, not fatal."""
    for depth in (600, 200_000) if opening != "[" else (200_000,):  # JSON may nest as deep as the stack allows
        closing = {"[": "]", "{": "}"}.get(opening.strip("xa: "), "")
        with pytest.raises(ManifestError, match="nested too deeply"):
            load_yaml(("a: " if opening == "a: [" else "") + opening.removeprefix("a: ") * depth + closing * depth)


def test_many_brackets_side_by_side_are_no_nesting() -> None:
    """The limit is on depth, not on size."""
    assert len(load_yaml("- [a, {b: c}]\n" * 2000)) == 2000


def test_second_document_is_an_error_where_one_is_expected() -> None:
    """load_yaml reads one document and says so."""
    with pytest.raises(ManifestError, match="expected one document"):
        load_yaml("a: 1\n---\nb: 2\n")


def test_byte_order_marks_are_read() -> None:
    """Files saved by Windows editors are text, too."""
    assert (
        load_yaml("a: 1".encode("utf-8-sig"))
        == load_yaml("a: 1".encode("utf-16"))
        == load_yaml("\ufeffa: 1")
        == {"a": 1}
    )


def test_bytes_that_are_no_text_are_an_error_with_the_line() -> None:
    """Latin-1 files are refused with the line of the first bad byte."""
    with pytest.raises(ManifestError, match=r"line 2: not utf-8 text"):
        load_yaml("a: 1\nb: é".encode("latin-1"))


@given(json_values)
def test_what_is_dumped_is_read_back(value: Any) -> None:
    """Any JSON value survives dump_yaml and load_yaml, and plain PyYAML reads the same strings."""
    text = dump_yaml(value)
    assert load_yaml(text) == value
    assert yaml.safe_load(text) == value


def test_dump_is_readable() -> None:
    """Keys keep their order, long lines are not folded, lines of text become a block."""
    script = "#!/bin/sh\necho " + "x" * 200 + "\n"
    assert dump_yaml({"b": 1, "a": {"script": script}}) == "b: 1\na:\n  script: |\n" + "".join(
        f"    {line}\n" for line in script.splitlines()
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}, b"x"])
def test_dump_refuses_what_json_cannot_hold(value: Any) -> None:
    """A value that could never be sent is refused."""
    with pytest.raises(TypeError, match="no place in a Kubernetes object"):
        dump_yaml({"a": value})


def test_dump_does_not_use_aliases() -> None:
    """An object used twice is written twice: kubectl users expect no anchors."""
    shared = {"a": [1]}
    assert "&" not in dump_yaml([shared, shared])


MANY = """\
# a comment only
---
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: b}
- apiVersion: v1
  kind: ConfigMapList
  items:
  - metadata: {name: c}
...
"""


def names(objects: list[dict[str, Any]]) -> list[str]:
    """Return kind/name of each object."""
    return [f"{obj['kind']}/{obj['metadata']['name']}" for obj in objects]


def test_manifest_with_many_documents() -> None:
    """Documents come in order, empty ones are skipped, Lists are flattened and typed lists lend their kind."""
    objects = load_manifests(MANY)
    assert names(objects) == ["ConfigMap/a", "ConfigMap/b", "ConfigMap/c"]
    assert objects[2]["apiVersion"] == "v1"


@pytest.mark.parametrize("make", [lambda text: text.encode(), io.StringIO, lambda text: io.BytesIO(text.encode())])
def test_manifest_sources(make: Any) -> None:
    """Bytes and open files are read like text."""
    assert len(load_manifests(make(MANY))) == 3


def test_manifest_folder(tmp_path: Path) -> None:
    """The YAML and JSON files of a folder are read by name; others and subfolders are not."""
    (tmp_path / "b.yaml").write_text("{apiVersion: v1, kind: A, metadata: {name: b}}")
    (tmp_path / "a.json").write_text('{"apiVersion": "v1",\n\t"kind": "A", "metadata": {"name": "a"}}')
    (tmp_path / "c.yml").write_text("{apiVersion: v1, kind: A, metadata: {name: c}}")
    (tmp_path / "README.md").write_text("# no manifest")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.yaml").write_text("broken: [")
    assert names(load_manifests(tmp_path)) == ["A/a", "A/b", "A/c"]


def test_manifest_json_stream() -> None:
    """JSON documents may follow one another."""
    text = (
        json.dumps({"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}})
        + "\n"
        + json.dumps(
            {
                "apiVersion": "v1",
                "kind": "List",
                "items": [{"apiVersion": "v1", "kind": "A", "metadata": {"name": "b"}}],
            }
        )
    )
    assert names(load_manifests(text)) == ["A/a", "A/b"]


def test_manifest_list_without_items_is_empty() -> None:
    """A List of nothing yields nothing; a kind that merely ends in List is an object."""
    assert load_manifests("{apiVersion: v1, kind: List, items: null}") == []
    assert len(load_manifests("{apiVersion: x/v1, kind: AllowList, spec: {}}")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\nb: 2", r"t\.yaml, document 1, line 2: .*"),
        ("apiVersion: v1\nkind: A\n---\n\nkind: B", r"t\.yaml, document 2, line 5: apiVersion is missing"),
        ("apiVersion: v1", r"document 1, line 1: kind is missing"),
        ("apiVersion: 1\nkind: A", r"apiVersion is missing or no string"),
        ("just text", r"expected an object with apiVersion and kind, found a string"),
        ("[1]", r"found a list"),
        ("3", r"found a number"),
        ("true", r"found a boolean"),
        ("{apiVersion: v1, kind: List, items: [{kind: A}]}", r"items\[0\]: apiVersion is missing"),
        ("{apiVersion: v1, kind: List, items: [3]}", r"items\[0\]: expected an object"),
        ("a:\n\t- b", r"t\.yaml, document 1, line 2: "),
        ("a: *nowhere", r"undefined alias"),
    ],
)  # fmt: skip
def test_manifest_errors_name_the_place(text: str, message: str, tmp_path: Path) -> None:
    """File, document and line lead to the fault."""
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(ManifestError, match=message) as caught:
        load_manifests(path)
    assert caught.value.file == str(path)


def test_broken_json_file_is_reported_as_json(tmp_path: Path) -> None:
    """In a .json file the complaint is JSON's, with its line."""
    path = tmp_path / "t.json"
    path.write_text('{"a": 1,\n "b": }')
    with pytest.raises(ManifestError, match="line 2: not valid JSON"):
        load_manifests(path)


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": Infinity}'])
def test_json_without_meaning_in_json_is_refused(text: str, tmp_path: Path) -> None:
    """NaN and Infinity, which Python's parser lets through, are no JSON."""
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(ManifestError):
        load_manifests(path)


def test_missing_manifest_file_is_a_manifest_error(tmp_path: Path) -> None:
    """A file that is not there is reported like any other fault of a manifest."""
    with pytest.raises(ManifestError, match="cannot be read: No such file"):
        load_manifests(tmp_path / "none.yaml")


def test_path_given_as_text_gets_a_hint() -> None:
    """A file name passed as text is told apart with a way out."""
    with pytest.raises(ManifestError, match=r"a file is given as Path"):
        load_manifests("deploy.yaml")


def test_importing_objects_does_not_import_yaml() -> None:
    """The YAML library loads when the first YAML is read, not before."""
    code = "import sys, dynkube.objects, dynkube.config; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
