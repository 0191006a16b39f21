"""Reading and merging kubeconfig files."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.config import Kubeconfig, load_config
from dynkube.config.kubeconfig import KubeconfigFile
from dynkube.errors import ConfigError, NoConfigError

if TYPE_CHECKING:
    from config.conftest import Write


def stanza(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    """Return a document with one stanza."""
    return {f"{kind}s": [{"name": name, kind: fields}]}


def test_home_directory_is_read(nothing_configured: Path, kubeconfig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without KUBECONFIG, or with an empty one, ~/.kube/config is the configuration."""
    folder = nothing_configured / ".kube"
    folder.mkdir()
    (folder / "config").write_text(json.dumps(kubeconfig()))
    assert load_config().host == "https://host:6443"
    monkeypatch.setenv("KUBECONFIG", "")
    assert load_config().host == "https://host:6443"


def test_environment_replaces_the_home_directory(
    nothing_configured: Path, write: Write, kubeconfig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With KUBECONFIG set, ~/.kube/config is not consulted, even if the named file is missing."""
    (nothing_configured / ".kube").mkdir()
    (nothing_configured / ".kube" / "config").write_text(json.dumps(kubeconfig()))
    monkeypatch.setenv("KUBECONFIG", write({"kind": "Config"}))
    with pytest.raises(NoConfigError):
        load_config()


def test_environment_is_read_at_each_call(write: Write, kubeconfig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """KUBECONFIG changed while running takes effect at the next load, not at the next import."""
    for host in ("https://one", "https://two"):
        monkeypatch.setenv("KUBECONFIG", write(kubeconfig(cluster={"server": host})))
        assert load_config().host == host


def test_first_file_wins_whole_stanzas(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name defined twice is taken whole from the first file: no field of the second leaks in."""
    one = write({**stanza("user", "red", token="first"), "current-context": "one"}, "1")
    two = write(
        {
            "users": [
                {"name": "red", "user": {"token": "second", "username": "red"}},
                {"name": "green", "user": {"token": "third"}},
            ],
            "current-context": "two",
        },
        "2",
    )
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([one, "", two, one]))
    config = Kubeconfig.load()
    assert config.current_context == "one"
    assert dict(config.users["red"].values) == {"token": "first"}
    assert config.users["green"].file == two
    assert [file.path for file in config.files] == [one, two]


def test_sections_may_be_spread_over_files(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Current context, context, cluster and user may each come from another file."""
    paths = [
        write({"current-context": "ctx"}, "1"),
        write(stanza("context", "ctx", cluster="c", user="u", namespace="ns"), "2"),
        write(stanza("cluster", "c", server="https://srv"), "3"),
        write(stanza("user", "u", token="tkn"), "4"),
    ]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(paths))
    config = load_config()
    assert (config.host, config.bearer_token, config.namespace, config.context) == ("https://srv", "tkn", "ns", "ctx")


def test_empty_current_context_does_not_win(write: Write) -> None:
    """An empty current-context is none: a later file may set it."""
    one, two = write({"current-context": ""}, "1"), write({"current-context": "two"}, "2")
    assert Kubeconfig.load([one, two]).current_context == "two"


def test_missing_files_of_the_environment_are_skipped(
    write: Write, kubeconfig: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A file KUBECONFIG names need not exist; one warning is logged if none of them does."""
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/none{os.pathsep}{write(kubeconfig())}")
    assert load_config().host == "https://host:6443"
    assert not caplog.records
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/none{os.pathsep}{tmp_path}/neither")
    with caplog.at_level(logging.WARNING), pytest.raises(NoConfigError, match="neither does not exist"):
        load_config()
    assert [record.message for record in caplog.records if "names no file that exists" in record.message]


def test_explicit_file_must_exist(tmp_path: Path) -> None:
    """A file given by the caller is needed."""
    with pytest.raises(ConfigError, match="none: no such file") as caught:
        load_config(kubeconfig=tmp_path / "none")
    assert caught.value.path == str(tmp_path / "none")
    assert not isinstance(caught.value, NoConfigError)


def test_explicit_source_forms(write: Write, kubeconfig: Any, nothing_configured: Path) -> None:
    """A path, a path object, a path in the home directory, several paths, a mapping, a text, a loaded one."""
    document = kubeconfig()
    path = write(document)
    (nothing_configured / "kc").write_text(json.dumps(document))
    sources = [
        path,
        Path(path),
        "~/kc",
        [path],
        document,
        Kubeconfig.load(path),
        Kubeconfig.parse(json.dumps(document)),
    ]
    for source in sources:
        assert load_config(kubeconfig=source).host == "https://host:6443"


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "{}", "kind: Config\n", "clusters:\nusers: []\ncontexts: null"]
)
def test_empty_files_are_empty_configurations(text: str, write: Write) -> None:
    """A file with nothing in it is no error in itself, only nothing to use."""
    config = Kubeconfig.load(write(text))
    assert not config.contexts
    assert not config.current_context
    with pytest.raises(NoConfigError):
        load_config(kubeconfig=config)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding: str, tmp_path: Path, kubeconfig: Any) -> None:
    """Files written by Windows tools, with a byte order mark, are read."""
    text = json.dumps(kubeconfig(context={"namespace": "ü"}), ensure_ascii=False)
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    path = tmp_path / "kc"
    path.write_bytes(mark + text.encode(encoding))
    assert load_config(kubeconfig=path).namespace == "ü"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "users:\n- name: me\n  user:\n    token: 123\n",
            "line 4: user 'me': token must be a string, not a number; put it in quotes",
        ),
        (
            "contexts:\n- name: a\n  context: {namespace: yes}\n",
            "line 3: context 'a': namespace must be a string, not a boolean",
        ),
        (
            "clusters:\n- name: c\n  cluster: {insecure-skip-tls-verify: 'true'}",
            "line 3: cluster 'c': insecure-skip-tls-verify must be true",
        ),
        (
            "clusters:\n- name: c\n  cluster:\n    certificate-authority-data: '%%'",
            "line 4: cluster 'c': certificate-authority-data is not",
        ),
        (
            "users:\n- name: me\n  user:\n    as-groups: admins",
            "line 4: user 'me': as-groups must be a list, not a string",
        ),
        (
            "users:\n- name: me\n  user:\n    as-groups:\n    - a\n    - 1",
            r"line 6: user 'me': as-groups\[1\] must be a string",
        ),
        ("users:\n- name: me\n  user:\n    as-user-extra: {a: b}", "line 4: user 'me': as-user-extra.a must be a list"),
        (
            "users:\n- name: me\n  user:\n    exec:\n      env:\n      - {name: A, value: 1}",
            r"line 6: user 'me': exec.env\[0\].value must be a string, not a number",
        ),
        (
            "users:\n- name: me\n  user:\n    exec:\n      args: [1.5]",
            r"line 5: user 'me': exec.args\[0\] must be a string",
        ),
        (
            "users:\n- name: me\n  user:\n    auth-provider: {name: oidc, config: {client-id: 5}}",
            "auth-provider.config.client-id must be a string",
        ),
        ("users: {me: {}}", "line 1: users must be a list, not a mapping"),
        ("users:\n- me", r"line 2: users\[0\] must be a mapping, not a string"),
        ("users:\n- user: {}", r"line 2: users\[0\] has no name"),
        ("users:\n- name: ''\n  user: {}", r"users\[0\] has no name"),
        ("users:\n- name: 7", r"users\[0\]: name must be a string"),
        ("users:\n- name: me\n- name: you\n- name: me", "line 4: user 'me' is a second user named 'me'"),
        ("clusters:\n- name: c\n- name: c", "is a second cluster named 'c'"),
        ("contexts:\n- name: c\n- name: c", "is a second context named 'c'"),
        ("extensions:\n- name: e\n- name: e", "is a second extension named 'e'"),
        ("kind: Pod", "kind is 'Pod', not 'Config'"),
        ("apiVersion: v2", "apiVersion is 'v2', not 'v1'"),
        ("current-context: 5", "current-context must be a string"),
        ("just text", "the kubeconfig must be a mapping, not a string"),
        ("- a", "the kubeconfig must be a mapping, not a list"),
        ("a: [1\nb: 2", r"line 2: .*"),
        ("!!acb!.-//:", "line 1"),
        ("a: 1\n---\nb: 2", "expected one document.*kubectl reads one document only"),
    ],
)
def test_malformed_files_name_file_line_and_field(text: str, message: str, write: Write) -> None:
    """Whatever is wrong with a file: its name, the line and the field are in the message."""
    path = write(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(kubeconfig=path)
    assert caught.value.path == path
    assert path in str(caught.value)


def test_value_of_a_wrong_type_is_not_shown(write: Write) -> None:
    """What stands where a token belongs may be one."""
    with pytest.raises(ConfigError) as caught:
        load_config(kubeconfig=write("users: [{name: me, user: {token: 48151623}}]"))
    assert "48151623" not in str(caught.value)


def test_every_problem_of_every_file_is_listed(write: Write, tmp_path: Path) -> None:
    """One bad file does not hide another; all problems come in one error."""
    one = write("users: [{name: me, user: {token: 1, username: 2}}]", "1")
    two = write("kind: Pod", "2")
    with pytest.raises(ConfigError) as caught:
        Kubeconfig.load([one, two, tmp_path / "none", tmp_path])
    assert len(caught.value.problems) == 5
    assert caught.value.path is None
    assert str(caught.value).count("\n") == 5


def test_unreadable_file_is_an_error(tmp_path: Path) -> None:
    """A folder, or a file without permission, is an error naming it, not a skipped file."""
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        Kubeconfig.load(tmp_path)
    if os.geteuid() != 0:
        path = tmp_path / "secret"
        path.write_text("")
        path.chmod(0)
        with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
            Kubeconfig.load(path)


def test_null_is_absent(write: Write) -> None:
    """A field without a value is as good as not there, as in Go."""
    text = "users: [{name: u, user: {password: , exec: null, as-groups: ~}}]\nclusters: [{name: c, cluster: }]"
    config = Kubeconfig.load(write(text))
    assert config.users["u"].text("password") == ""
    assert dict(config.clusters["c"].values) == {}


def test_dates_and_the_like_are_strings(write: Write, kubeconfig: Any) -> None:
    """Values that YAML 1.1 takes for dates or sexagesimal numbers are text, as for kubectl."""
    text = "contexts: [{name: 2024-01-02, context: {cluster: c, user: 1:30, namespace: 2024-01-02}}]"
    context = Kubeconfig.load(write(text)).contexts["2024-01-02"]
    assert context.text("user") == "1:30"
    assert context.text("namespace") == "2024-01-02"


def test_unknown_fields_are_kept_and_near_misses_are_warned_of(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    """Fields of the future are no error; a likely spelling mistake is logged with the right name."""
    text = "future: 1\nusers: [{name: me, user: {token-file: /t, brand-new: 1}}]"
    with caplog.at_level(logging.WARNING):
        config = Kubeconfig.load(write(text))
    assert config.users["me"].values["brand-new"] == 1
    assert [record.message.partition(": ")[2] for record in caplog.records] == [
        "user 'me': token-file is unknown and has no effect; did you mean tokenFile?"
    ]


def test_paths_are_relative_to_the_file_that_names_them(write: Write, tmp_path: Path) -> None:
    """Two files in two folders: each one's paths start at its own folder."""
    one = write(stanza("cluster", "c", **{"certificate-authority": "ca.crt"}), "one/config")
    two = write(
        stanza("user", "u", tokenFile="../tok", **{"client-key": "/abs/key", "client-certificate": "~/x"}), "two/config"
    )
    config = Kubeconfig.load([one, two])
    assert config.clusters["c"].path("certificate-authority") == str(tmp_path / "one" / "ca.crt")
    assert config.users["u"].path("tokenFile") == str(tmp_path / "tok")
    assert config.users["u"].path("client-key") == "/abs/key"
    assert config.users["u"].path("client-certificate") == str(tmp_path / "two" / "~" / "x")
    assert config.users["u"].path("absent") == ""


def test_relative_kubeconfig_path_gives_absolute_paths(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kubeconfig named by a relative path still yields paths that outlive a change of directory."""
    write(stanza("cluster", "c", **{"certificate-authority": "ca.crt"}), "sub/config")
    monkeypatch.chdir(tmp_path)
    assert Kubeconfig.load("sub/config").clusters["c"].path("certificate-authority") == str(tmp_path / "sub" / "ca.crt")


def test_repr_shows_no_secret(write: Write) -> None:
    """The files and contexts show, the stanzas' content does not."""
    config = Kubeconfig.load(write(stanza("user", "me", token="hush", password="hush")))
    assert "hush" not in repr(config) + repr(config.files) + repr(config.users)


names = st.sampled_from(["a", "b", "c"])
sections = st.dictionaries(
    names, st.dictionaries(st.sampled_from(["token", "username", "as"]), st.text("xyz", max_size=2))
)


@given(st.lists(st.tuples(sections, st.sampled_from(["", "a", "b"])), max_size=4))
def test_merge_is_first_wins_per_stanza(files: list[tuple[dict[str, dict[str, str]], str]]) -> None:
    """However many files: each stanza equals the first one of its name, each scalar the first that is set."""
    config = Kubeconfig(
        tuple(
            KubeconfigFile(
                str(index),
                {"users": [{"name": name, "user": user} for name, user in users.items()], "current-context": current},
            )
            for index, (users, current) in enumerate(files)
        )
    )
    assert config.current_context == next((current for _, current in files if current), "")
    for name in "abc":
        first = next(((str(index), users[name]) for index, (users, _) in enumerate(files) if name in users), None)
        found = config.users.get(name)
        assert (None if found is None else (found.file, dict(found.values))) == first
