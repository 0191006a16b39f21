"""The cases other clients test their configuration with, so that what works there works here, or fails with a reason.

They are those of client-go's ``tools/clientcmd``, the official Python client's ``kube_config_test``,
``exec_provider_test`` and ``incluster_config_test``, and kube-rs's ``file_config``: the situations, not their code.
Those that a test of the same behaviour elsewhere in this folder covers are not repeated.
"""

from __future__ import annotations

import base64
import io
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Config, Impersonation, Kubeconfig, in_cluster_config, load_config, writing
from dynkube.errors import ConfigError, NoConfigError

if TYPE_CHECKING:
    from pathlib import Path

V1BETA1 = "client.authentication.k8s.io/v1beta1"
TEXT = base64.b64encode(b"some data").decode()


def problems(source: Any, context: str | None = None, **overrides: Any) -> tuple[str, ...]:
    """Return every problem of a configuration that must have some."""
    with pytest.raises(ConfigError) as caught:
        load_config(context, kubeconfig=source, **overrides)
    return caught.value.problems


class TestClientGo:
    """The tests of its client configuration, loader, overrides, validation and merged builder."""

    @pytest.mark.parametrize(
        ("hint", "shown"),
        [
            ("\x1b[1mbold\x1b[0m", "\ufffd[1mbold\ufffd[0m"),
            ("\x1b[2Aup \x9b2J", "\ufffd[2Aup \ufffd2J"),
            ("a\nb\r\nc\td", "a\nb\nc\td"),
            ("one\rover", "one\ufffdover"),
            ('Ω Ж ñ tu\u0301na x²₁∫ "it\'s; (fine)" em\u2003space\u2029end 日本', None),
            ("hidden\u202eeltit", "hidden\ufffdeltit"),
        ],
    )
    def test_an_install_hint_cannot_move_the_cursor(self, hint: str, shown: str | None, kubeconfig: Any) -> None:
        """Escape sequences are made visible; text of any language, its marks, symbols and spaces stay."""
        plugin = {"apiVersion": V1BETA1, "command": "x", "installHint": hint}
        provider = load_config(kubeconfig=kubeconfig(user={"exec": plugin})).exec_provider
        assert provider is not None
        assert provider.install_hint == (hint if shown is None else shown)

    @pytest.mark.parametrize("prefix", ["", "ns/", "NS/", "namespace/", "Namespaces/"])
    def test_a_namespace_may_have_its_kind_before_it(self, prefix: str, kubeconfig: Any) -> None:
        """``-n ns/web`` is ``-n web``, in any case of letters."""
        assert load_config(kubeconfig=kubeconfig(), namespace=f"{prefix}web").namespace == "web"

    @pytest.mark.parametrize("name", ["nsx/web", "other/web", "ns"])
    def test_other_prefixes_are_not_taken_off(self, name: str, kubeconfig: Any) -> None:
        """Only the three known prefixes are; what is left is for the server to refuse."""
        assert load_config(kubeconfig=kubeconfig(), namespace=name).namespace == name

    def test_a_folder_in_place_of_a_file_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """KUBECONFIG naming a folder is an error that says so, not an empty configuration."""
        monkeypatch.setenv("KUBECONFIG", str(tmp_path))
        assert problems(None) == (f"{tmp_path}: cannot be read: Is a directory",)

    def test_an_empty_path_is_no_path(self, kubeconfig: Any, nothing_configured: Path) -> None:
        """``kubeconfig=""``, as from an unset option, means the usual places; an empty list names nothing."""
        (nothing_configured / ".kube").mkdir()
        (nothing_configured / ".kube" / "config").write_text(json.dumps(kubeconfig()))
        assert load_config(kubeconfig="").context == "ctx"
        assert problems([]) == ("kubeconfig is an empty list: it names no file",)

    def test_a_file_beside_data_is_an_error_for_every_item(self, kubeconfig: Any, tmp_path: Path) -> None:
        """Certificate, key and authority: data and file of one thing contradict each other, and all are listed."""
        path = tmp_path / "pem"
        path.touch()
        items = ("client-certificate", "client-key")
        user = {name: str(path) for name in items} | {f"{name}-data": TEXT for name in items}
        cluster = {"server": "https://h", "certificate-authority": str(path), "certificate-authority-data": TEXT}
        found = problems(kubeconfig(user=user, cluster=cluster))
        assert [f"both {name} and {name}-data" in " ".join(found) for name in ("certificate-authority", *items)] == [
            True
        ] * 3

    def test_an_overriding_certificate_replaces_data(self, kubeconfig: Any, tmp_path: Path) -> None:
        """A certificate file given as override puts the kubeconfig's data out of force; likewise the key."""
        path = tmp_path / "pem"
        path.touch()
        source = kubeconfig(user={"client-certificate-data": TEXT, "client-key-data": TEXT})
        config = load_config(kubeconfig=source, cert_file=str(path), key_file=str(path))
        assert (config.cert_data, config.key_data, config.cert_file) == (None, None, str(path))

    def test_everything_of_impersonation_is_taken(self, kubeconfig: Any) -> None:
        """User, uid, groups and extra values arrive as they are written; an override replaces them all."""
        user = {"as": "jane", "as-uid": "abc", "as-groups": ["g1", "g2"], "as-user-extra": {"a/b": ["1", "2"]}}
        config = load_config(kubeconfig=kubeconfig(user=user))
        expected = Impersonation(user="jane", uid="abc", groups=("g1", "g2"), extra={"a/b": ("1", "2")})
        assert config.impersonate == expected
        assert load_config(kubeconfig=kubeconfig(user=user), impersonate="john").impersonate == Impersonation(
            user="john"
        )

    @pytest.mark.parametrize("field", ["as-uid", "as-groups", "as-user-extra"])
    def test_impersonation_without_a_user_is_invalid(self, field: str, kubeconfig: Any) -> None:
        """Each of the three without ``as`` is a problem that names it."""
        value = {"as-uid": "1", "as-groups": ["g"], "as-user-extra": {"k": ["v"]}}[field]
        assert any(f"{field} without as" in problem for problem in problems(kubeconfig(user={field: value})))

    @pytest.mark.parametrize(
        ("plugin", "message"),
        [
            ({"apiVersion": V1BETA1}, "exec.command is empty"),
            ({"command": "x"}, "exec.apiVersion is empty"),
            ({"command": "x", "apiVersion": V1BETA1, "env": [{"value": "v"}]}, "has no name"),
            ({"command": "x", "apiVersion": "client.authentication.k8s.io/v1"}, "interactiveMode is missing"),
            ({"command": "x", "apiVersion": V1BETA1, "interactiveMode": "Sometimes"}, "interactiveMode"),
        ],
    )
    def test_half_a_plugin_is_invalid(self, plugin: dict[str, Any], message: str, kubeconfig: Any) -> None:
        """What is missing of a plug-in is named."""
        assert any(message in problem for problem in problems(kubeconfig(user={"exec": plugin})))

    @pytest.mark.parametrize("value", ["", None])
    def test_an_environment_variable_of_a_plugin_may_be_empty(self, value: str | None, kubeconfig: Any) -> None:
        """Only the name of a variable is required."""
        plugin = {"command": "x", "apiVersion": V1BETA1, "env": [{"name": "A", "value": value}]}
        provider = load_config(kubeconfig=kubeconfig(user={"exec": plugin})).exec_provider
        assert provider is not None
        assert provider.env == (("A", ""),)

    def test_relative_paths_of_two_folders(self, write: Any, kubeconfig: Any, tmp_path: Path) -> None:
        """Cluster and user from different folders are each resolved against their own."""
        for name in ("one/ca", "two/token"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("content")
        first = write(
            kubeconfig(cluster={"server": "https://h", "certificate-authority": "ca"}) | {"users": []}, "one/config"
        )
        second = write({"users": [{"name": "u", "user": {"tokenFile": "../two/token"}}]}, "two/config")
        config = load_config(kubeconfig=[first, second])
        assert (config.ca_file, config.bearer_token_file) == (str(tmp_path / "one/ca"), str(tmp_path / "two/token"))

    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            ("empty", "in-cluster"),
            ("no current-context", "in-cluster"),
            ("dangling cluster", "in-cluster"),
            ("usable", "kubeconfig"),
            ("invalid", "error"),
            ("unreadable", "error"),
        ],
    )
    def test_the_pod_is_asked_only_where_nothing_is_configured(
        self, state: str, expected: str, write: Any, kubeconfig: Any, pod: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The table of the deferred loader: which configurations lead to the pod's, and which never do."""
        content: dict[str, Any] | str = {
            "empty": "",
            "no current-context": kubeconfig(current=None),
            "dangling cluster": kubeconfig(context={"cluster": "gone"}),
            "usable": kubeconfig(),
            "invalid": kubeconfig(user={"token": "t0ken-x", "username": "me"}),
            "unreadable": "a: [",
        }[state]
        monkeypatch.setenv("KUBECONFIG", write(content))
        if expected == "error":
            assert problems(None)
            return
        config = load_config()
        assert config.host == ("https://10.0.0.1:443" if expected == "in-cluster" else "https://host:6443")
        assert config.namespace == "pod-namespace" or expected == "kubeconfig"

    @pytest.mark.parametrize(
        ("overrides", "field", "value"),
        [
            ({"server": "https://other"}, "host", "https://other"),
            ({"token": "their-t0ken"}, "bearer_token", "their-t0ken"),
            ({"token": "their-t0ken"}, "bearer_token_file", None),
            ({"ca_data": b"their ca"}, "ca_data", b"their ca"),
            ({"ca_data": b"their ca"}, "ca_file", None),
            ({"namespace": "theirs"}, "namespace", "theirs"),
        ],
    )
    def test_overrides_reach_the_configuration_of_the_pod(
        self, overrides: dict[str, Any], field: str, value: Any, pod: Path
    ) -> None:
        """Server, token, authority and namespace given with the call win over the service account's."""
        assert getattr(load_config(**overrides), field) == value

    def test_a_change_goes_into_the_first_file_that_exists(
        self, write: Any, kubeconfig: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A new stanza with several files in KUBECONFIG is not written into one that does not exist."""
        existing = write(kubeconfig(), "second")
        monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(tmp_path / "missing"), existing]))
        assert writing.set_cluster("new", {"server": "https://new"}) == existing
        assert not (tmp_path / "missing").exists()


class TestOfficialPythonClient:
    """``kube_config_test``, ``exec_provider_test``, ``incluster_config_test``."""

    def test_bytes_in_a_mapping_are_named_as_such(self, kubeconfig: Any) -> None:
        """Data as bytes in a mapping is refused by what it is; base64 text is what a kubeconfig holds."""
        source = kubeconfig(cluster={"server": "https://h", "certificate-authority-data": b"c29tZQ=="})
        assert "must be base64 text, not bytes" in problems(source)[0]

    def test_an_open_file_is_told_from_a_list_of_paths(self) -> None:
        """A file object is not taken for a sequence of paths, one a line; its text can be parsed."""
        text = io.StringIO("apiVersion: v1\ncurrent-context: ctx\n")
        with pytest.raises(TypeError, match="open file"):
            load_config(kubeconfig=text)
        assert Kubeconfig.parse(text.read()).current_context == "ctx"

    def test_base64_of_anything_else_is_named(self, kubeconfig: Any) -> None:
        """Data that is no base64 is named with its field, and not shown."""
        found = problems(kubeconfig(user={"client-certificate-data": TEXT, "client-key-data": "no base64 at all"}))
        assert "client-key-data is not valid base64" in found[0]
        assert "no base64 at all" not in found[0]

    def test_the_context_of_one_file_uses_the_user_of_another(self, write: Any, kubeconfig: Any) -> None:
        """Context, cluster and user may come from three files."""
        whole = kubeconfig(user={"token": "t0ken-of-third"})
        files = [
            write({"current-context": "ctx", "contexts": whole["contexts"]}, "first"),
            write({"clusters": whole["clusters"]}, "second"),
            write({"users": whole["users"]}, "third"),
        ]
        config = load_config(kubeconfig=files)
        assert (config.host, config.bearer_token) == ("https://host:6443", "t0ken-of-third")

    def test_a_kubeconfig_without_users_is_anonymous_only_if_no_context_names_one(self, kubeconfig: Any) -> None:
        """No ``users`` section at all is fine for a context without a user, and an error for one with."""
        source = kubeconfig(context={"user": ""})
        del source["users"]
        assert load_config(kubeconfig=source).authentication == "anonymous"
        source["contexts"][0]["context"]["user"] = "u"
        assert "no file defines it" in problems(source)[0]

    def test_a_token_wins_over_a_plugin(self, kubeconfig: Any) -> None:
        """A static token beside a plug-in is used and the plug-in not run."""
        user = {"token": "static-t0ken", "exec": {"apiVersion": V1BETA1, "command": "x"}}
        assert load_config(kubeconfig=kubeconfig(user=user)).authentication == "bearer token"

    @pytest.mark.parametrize(
        ("host", "port", "joined"),
        [
            ("10.0.0.1", "443", "https://10.0.0.1:443"),
            ("kubernetes.default", "6443", "https://kubernetes.default:6443"),
            ("fd00::1", "443", "https://[fd00::1]:443"),
        ],
    )
    def test_host_and_port_of_the_pod_are_joined(
        self, host: str, port: str, joined: str, pod: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Addresses of either family and names make a URL."""
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        assert in_cluster_config().host == joined

    @pytest.mark.parametrize("variable", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
    @pytest.mark.parametrize("value", ["", None])
    def test_half_an_address_is_no_pod(
        self, variable: str, value: str | None, pod: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Host or port missing or empty: not in a pod."""
        monkeypatch.setenv(variable, value) if value is not None else monkeypatch.delenv(variable)
        with pytest.raises(NoConfigError, match="not both set"):
            in_cluster_config()

    @pytest.mark.parametrize("content", [None, "", " \n"])
    def test_a_pod_without_a_token_is_an_error(self, content: str | None, pod: Path) -> None:
        """A missing or empty token file is an error that names it."""
        (pod / "token").unlink() if content is None else (pod / "token").write_text(content)
        with pytest.raises(NoConfigError, match=str(pod / "token")):
            in_cluster_config()

    def test_a_pod_without_an_authority_uses_the_systems(self, pod: Path, caplog: pytest.LogCaptureFixture) -> None:
        """A missing authority is logged, as client-go does, and left out."""
        (pod / "ca.crt").unlink()
        assert in_cluster_config().ca_file is None
        assert "ca.crt" in caplog.text


class TestKubeRs:
    """``file_config``: merging, null, encodings, and what a repr shows."""

    def test_null_lists_are_empty(self, kubeconfig: Any) -> None:
        """``env: null`` and ``args: null``, as some tools write them, are empty lists; a null password is none."""
        plugin = {"apiVersion": V1BETA1, "command": "x", "env": None, "args": None}
        provider = load_config(kubeconfig=kubeconfig(user={"exec": plugin})).exec_provider
        assert provider is not None
        assert (provider.env, provider.args) == ((), ())
        assert load_config(kubeconfig=kubeconfig(user={"username": "me", "password": None})).password is None

    def test_names_may_hold_anything(self, kubeconfig: Any) -> None:
        """Contexts named by ARN, with slashes, colons and spaces, are found."""
        name = "arn:aws:eks:us-west-2:012345678912:cluster/my cluster"
        source = kubeconfig()
        source["contexts"].append({"name": name, "context": {"cluster": "c", "user": "u"}})
        assert load_config(name, kubeconfig=source).context == name

    def test_a_user_of_two_files_is_not_mixed(self, write: Any, kubeconfig: Any) -> None:
        """What the second file says of the same user is not added to the first's, even where they do not conflict."""
        first = write(kubeconfig(user={"token": "first-t0ken"}), "first")
        second = write(kubeconfig(user={"username": "red", "password": "second-passw0rd"}), "second")
        config = load_config(kubeconfig=[first, second])
        assert (config.bearer_token, config.username, config.password) == ("first-t0ken", None, None)

    def test_several_documents_in_one_file_are_refused(self, write: Any) -> None:
        """Where kube-rs merges them and kubectl reads the first, nothing is guessed."""
        path = write("apiVersion: v1\n---\napiVersion: v1\n")
        (found,) = problems(path)
        assert "document" in found

    def test_a_repr_shows_no_password(self, kubeconfig: Any) -> None:
        """Neither the configuration nor the stanza shows what it holds."""
        source = kubeconfig(user={"username": "me", "password": "hidden-passw0rd"})
        shown = (
            repr(load_config(kubeconfig=source)) + repr(Kubeconfig.load(source)) + repr(Kubeconfig.load(source).users)
        )
        assert "hidden-passw0rd" not in shown
        assert "me" in repr(Config(username="me", password="hidden-passw0rd"))
