"""YAML as Kubernetes reads it.

PyYAML and the Go library behind kubectl disagree on plain scalars: dates, ``1:30``, ``1e3``, ``0o12``, ``=``, ``y``.
The loader here sides with Go, so that a manifest or kubeconfig means the same here and to kubectl; and it yields JSON
values only (string keys, no dates, no bytes, no infinities). The dumper quotes what either side would misread.
"""

from __future__ import annotations

import base64
import functools
import json
import math
import re
from typing import TYPE_CHECKING, Any, ClassVar

from dynkube.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

#: Values an aliased document may expand to; a "billion laughs" stops here.
MAX_EXPANDED_VALUES = 1_000_000

#: Lists and mappings within one another that are read; libyaml itself would run off the stack.
MAX_DEPTH = 500

_BOOLEANS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
}
_BOOLEAN = re.compile("(?:" + "|".join(_BOOLEANS) + ")$")
_NULL = re.compile(r"(?:~|null|Null|NULL|)$")
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+|0[0-7_]*|[1-9][0-9_]*)$")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
#: Text that is not exact as a literal block: blanks at a line end or the start, unusual characters.
_NO_BLOCK = re.compile(r"[ \t]\n|^[ \n]|[ \t]$|[^\n\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff]")
_DIGITS = list("-+0123456789.")

#: Tag, pattern and first characters, tried in this order.
_RULES: tuple[tuple[str, re.Pattern[str], list[str]], ...] = (
    ("tag:yaml.org,2002:bool", _BOOLEAN, list("yYnNtTfFoO")),
    ("tag:yaml.org,2002:null", _NULL, ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:int", _INTEGER, list("-+0123456789")),
    ("tag:yaml.org,2002:float", _FLOAT, _DIGITS),
    ("tag:yaml.org,2002:merge", re.compile(r"<<$"), ["<"]),
)


def load_yaml(text: str | bytes) -> Any:
    """Return the JSON value of one YAML (or JSON) document; None if it is empty.

    Raises `ManifestError` with the line for bad syntax, and for a second document: see `load_manifests`.
    """
    documents = load_documents(text)
    first = next(documents, None)
    second = next(documents, None)
    if second is not None:
        raise ManifestError("expected one document, found more", document=2, line=second[1])
    return None if first is None else first[0]


def load_documents(text: str | bytes, *, file: str | None = None) -> Iterator[tuple[Any, int]]:
    """Yield each document as a JSON value with the line (from 1) it starts on; raises `ManifestError`."""
    text = _decode(text, file)
    if text.lstrip()[:1] in ("{", "["):
        # JSON first: YAML refuses the tabs JSON allows. Saves 97 % of a pod in JSON. What is not JSON may be flow YAML.
        try:
            values = list(_json_documents(text))
        except (ValueError, RecursionError) as error:
            if file is not None and file.endswith(".json"):
                line = error.lineno if isinstance(error, json.JSONDecodeError) else None
                raise ManifestError(f"not valid JSON: {error}", file=file, line=line) from None
        else:
            yield from values
            return
    yield from _yaml_documents(text, file)


def dump_yaml(obj: Any) -> str:
    """Return ``obj`` (JSON values) as a YAML document: block style, keys in their order, no aliases.

    Strings that PyYAML or kubectl would read as something else are quoted. Raises TypeError for what JSON cannot hold.
    """
    import yaml

    base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    dumped: str = yaml.dump(
        _plain(obj), Dumper=_dumper(base), sort_keys=False, allow_unicode=True, default_flow_style=False, width=2**16
    )
    return dumped.removesuffix("...\n")


def _decode(text: str | bytes, file: str | None) -> str:
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    # YAML streams may be UTF-16 with a byte order mark; JSON and kubeconfigs never are, but Windows editors write it.
    encoding = "utf-16" if text[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return text.decode(encoding)
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise ManifestError(f"not {encoding.removesuffix('-sig')} text: {error.reason}", file=file, line=line) from None


def _json_documents(text: str) -> Iterator[tuple[Any, int]]:
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    position = _skip_space(text, 0)
    while position < len(text):
        value, end = decoder.raw_decode(text, position)
        yield value, text.count("\n", 0, position) + 1
        position = _skip_space(text, end)


def _skip_space(text: str, position: int) -> int:
    found = re.compile(r"[ \t\r\n]*").match(text, position)
    return found.end() if found else position


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _yaml_documents(text: str, file: str | None) -> Iterator[tuple[Any, int]]:
    import yaml

    aliased = "&" in text and "*" in text
    document = 1
    line: int | None = None
    loader: Any = None
    try:
        _check_depth(text)
        # PyYAML's parser in C, where it was built, saves 86 % of a pod.
        loader = kubernetes_loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader))(text)
        while loader.check_node():
            node = loader.get_node()
            line = node.start_mark.line + 1
            value = loader.construct_document(node)
            if aliased:
                value = _unshared(value)
            yield value, line
            document += 1
            line = None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        if "nesting depth" in problem:  # libyaml's own limit, since 0.2.6: it reads ahead of what `_check_depth` counts
            problem = "nested too deeply"
        raise ManifestError(problem, file=file, document=document, line=mark.line + 1 if mark else line) from None
    except yaml.YAMLError as error:
        raise ManifestError(str(error).splitlines()[0], file=file, document=document, line=line) from None
    except RecursionError:
        raise ManifestError("nested too deeply", file=file, document=document, line=line) from None
    finally:
        if loader is not None:
            loader.dispose()


def _check_depth(text: str) -> None:
    """Raise a YAMLError if the text nests deeper than `MAX_DEPTH`, before anything recurses over it."""
    import yaml

    # Brackets and the indentation bound the depth. Where they allow no more, not counting saves 24 % of a pod.
    bound = text.count("[") + text.count("{")
    if bound <= MAX_DEPTH:
        bound += max((len(prefix) for prefix in re.findall(r"(?m)^[ ?\-]+", text)), default=0)
    if bound <= MAX_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                mark: Any = event.start_mark
                raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _unshared(value: Any) -> Any:
    """Return a copy in which no two places share a list or dict, as aliases do: changing one must not change both."""
    import yaml

    left = MAX_EXPANDED_VALUES
    above: set[int] = set()

    def copy(item: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise yaml.YAMLError(f"aliases expand to more than {MAX_EXPANDED_VALUES} values")
        if not isinstance(item, dict | list):
            return item
        if id(item) in above:
            raise yaml.YAMLError("an alias contains itself")
        above.add(id(item))
        result = {key: copy(entry) for key, entry in item.items()} if isinstance(item, dict) else [*map(copy, item)]
        above.remove(id(item))
        return result

    return copy(value)


@functools.cache  # saves two thirds of a document of one line, 4 % of a pod
def kubernetes_loader(base: type[yaml.SafeLoader]) -> type[yaml.SafeLoader]:
    """Return the loader class; made on first use, so that importing this module does not import yaml."""
    import yaml

    class KubernetesLoader(base):  # type: ignore[misc, valid-type]
        """A safe loader with Go's rules for plain scalars."""

        yaml_implicit_resolvers = _resolvers()
        yaml_constructors: ClassVar = dict(base.yaml_constructors)

        def construct_bool(self, node: yaml.ScalarNode) -> bool:
            text = self.construct_scalar(node)
            if text not in _BOOLEANS:
                raise yaml.constructor.ConstructorError(None, None, f"{text!r} is no boolean", node.start_mark)
            return _BOOLEANS[text]

        def construct_integer(self, node: yaml.ScalarNode) -> int:
            text = self.construct_scalar(node).replace("_", "")
            sign = -1 if text.startswith("-") else 1
            digits = text.lstrip("+-").lower()
            try:
                if digits[:2] in ("0x", "0o", "0b"):
                    return sign * int(digits, 0)
                return sign * int(digits, 8 if digits.startswith("0") else 10)
            except ValueError:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{text!r} is no integer", node.start_mark
                ) from None

        def construct_number(self, node: yaml.ScalarNode) -> int | float:
            text = self.construct_scalar(node).replace("_", "")
            try:
                value = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                raise yaml.constructor.ConstructorError(
                    None, None, f"{text!r} is no number JSON can hold", node.start_mark
                )
            # JSON does not tell 1.0 from 1 and Go writes the shorter form, so `replicas: 1e3` is an integer.
            return int(value) if value.is_integer() and abs(value) < 1e21 else value

        def construct_binary(self, node: yaml.ScalarNode) -> str:
            try:
                return base64.b64decode(self.construct_scalar(node)).decode()
            except ValueError as error:
                raise yaml.constructor.ConstructorError(None, None, f"!!binary: {error}", node.start_mark) from None

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:  # noqa: ARG002
            self.flatten_mapping(node)
            return {self.key(key): self.construct_object(value, deep=True) for key, value in node.value}

        def key(self, node: yaml.Node) -> str:
            value = self.construct_object(node, deep=True)
            if isinstance(value, str):
                return value
            if isinstance(value, bool | int | float):
                return json.dumps(value)  # as JSON spells them: true, 1, 1.5
            problem = "a key must be a string, a number or a boolean"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)

    prefix = "tag:yaml.org,2002:"
    for tag in ("set", "omap", "pairs"):
        KubernetesLoader.yaml_constructors.pop(prefix + tag, None)
    for tag, construct in (
        ("bool", KubernetesLoader.construct_bool),
        ("int", KubernetesLoader.construct_integer),
        ("float", KubernetesLoader.construct_number),
        ("binary", KubernetesLoader.construct_binary),
        ("timestamp", KubernetesLoader.construct_scalar),
        ("merge", KubernetesLoader.construct_scalar),  # `<<` where it is no key
    ):
        KubernetesLoader.yaml_constructors[prefix + tag] = construct
    return KubernetesLoader


@functools.cache  # saves 12 % of the dump of a pod
def _dumper(base: type[yaml.SafeDumper]) -> type[yaml.SafeDumper]:
    class KubernetesDumper(base):  # type: ignore[misc, valid-type]
        """A safe dumper that quotes what PyYAML or Go would read as no string."""

        # Both sets of rules: a string stays plain only if neither side takes it for something else.
        yaml_implicit_resolvers = _resolvers(base.yaml_implicit_resolvers)
        yaml_representers: ClassVar[dict[Any, Any]] = dict(base.yaml_representers)

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

        def represent_text(self, text: str) -> yaml.ScalarNode:
            # A block is for lines of plain text; what it cannot carry exactly is left to the emitter's choice.
            style = "|" if "\n" in text and not _NO_BLOCK.search(text) else None
            node: yaml.ScalarNode = self.represent_scalar("tag:yaml.org,2002:str", text, style=style)
            return node

    KubernetesDumper.yaml_representers[str] = KubernetesDumper.represent_text
    return KubernetesDumper


def _resolvers(more: dict[str, list[Any]] | None = None) -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, characters in _RULES:
        for character in characters:
            resolvers.setdefault(character, []).append((tag, pattern))
    for character, rules in (more or {}).items():
        resolvers.setdefault(character, []).extend(rules)
    return resolvers


def _plain(value: Any) -> Any:
    """Return ``value`` as plain JSON types; raises TypeError for anything JSON has not."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise TypeError(f"{value!r} ({type(value).__name__}) has no place in a Kubernetes object")
