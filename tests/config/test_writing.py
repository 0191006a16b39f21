"""Changing kubeconfig files."""

from __future__ import annotations

import json
import logging
import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Kubeconfig, load_config, writing
from dynkube.config.atomic import locked, replace_file
from dynkube.errors import ConfigError
from dynkube.objects import load_yaml

if TYPE_CHECKING:
    from config.conftest import Write


def read(path: str | Path) -> Any:
    """Return the content of a kubeconfig."""
    return load_yaml(Path(path).read_bytes())


def entries(folder: Path) -> list[str]:
    """Return the names of what is in a folder."""
    return [entry.name for entry in folder.iterdir()]


def test_use_context(write: Write, kubeconfig: Any) -> None:
    """The current context changes and nothing else does; the file written is returned."""
    document = kubeconfig(current=None)
    path = write(document)
    assert writing.use_context("ctx", kubeconfig=path) == path
    assert read(path) == {**document, "current-context": "ctx"}
    assert load_config(kubeconfig=path).context == "ctx"


def test_use_context_must_exist(write: Write, kubeconfig: Any) -> None:
    """A context that is not defined is refused, the nearest one named, the file untouched."""
    path = write(kubeconfig())
    before = Path(path).read_bytes()
    with pytest.raises(ConfigError, match="context 'ctxx' is not defined; did you mean 'ctx'"):
        writing.use_context("ctxx", kubeconfig=path)
    assert Path(path).read_bytes() == before
    assert not Path(f"{path}.lock").exists()


def test_current_context_is_written_to_the_first_file_that_exists(
    write: Write, kubeconfig: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With several files the first existing one takes it, where it wins over the others."""
    one, two = write({"kind": "Config"}, "1"), write(kubeconfig(current="other"), "2")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(tmp_path / "none"), one, two]))
    assert writing.use_context("ctx") == one
    assert read(one)["current-context"] == "ctx"
    assert read(two)["current-context"] == "other"
    assert Kubeconfig.load().current_context == "ctx"
    assert writing.clear_current_context() == one
    assert Kubeconfig.load().current_context == "other"


def test_each_stanza_is_written_to_the_file_it_came_from(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change goes where the stanza is, a new one to the first file; the other file is not touched."""
    one = write({"clusters": [{"name": "a", "cluster": {"server": "https://a"}}]}, "1")
    two = write({"clusters": [{"name": "b", "cluster": {"server": "https://b"}}]}, "2")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([one, two]))
    inode = Path(one).stat().st_ino
    assert writing.set_cluster("b", {"server": "https://changed"}) == two
    assert Path(one).stat().st_ino == inode
    assert read(two)["clusters"] == [{"name": "b", "cluster": {"server": "https://changed"}}]
    assert writing.set_cluster("c", {"server": "https://c"}) == one
    assert [entry["name"] for entry in read(one)["clusters"]] == ["a", "c"]


def test_new_file_is_private(nothing_configured: Path) -> None:
    """Without any file ~/.kube/config is made, readable by its owner only, lock removed."""
    path = writing.set_context("ctx", {"cluster": "c", "user": "u"})
    assert path == str(nothing_configured / ".kube" / "config")
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert entries(Path(path).parent) == ["config"]
    assert read(path) == {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [{"name": "ctx", "context": {"cluster": "c", "user": "u"}}],
    }


def test_last_of_several_missing_files_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no file of KUBECONFIG exists, the last is created, as kubectl documents."""
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/one{os.pathsep}{tmp_path}/two/config")
    assert writing.set_user("u", {"token": "t"}) == f"{tmp_path}/two/config"
    assert not (tmp_path / "one").exists()


def test_no_home_directory_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nowhere to write, nothing is guessed."""
    monkeypatch.delenv("HOME")
    with pytest.raises(ConfigError, match="no home directory"):
        writing.set_user("u", {})


def test_fields_are_set_and_removed_one_by_one(write: Write, kubeconfig: Any) -> None:
    """Given fields change, None removes, all others stay, unknown ones included."""
    path = write(kubeconfig(user={"token": "t", "username": "x", "brand-new": {"a": 1}}))
    writing.set_user("u", {"username": None, "as": "jane", "as-groups": ["a"]}, kubeconfig=path)
    assert read(path)["users"][0]["user"] == {"token": "t", "brand-new": {"a": 1}, "as": "jane", "as-groups": ["a"]}


def test_unknown_fields_of_a_file_survive(write: Write, kubeconfig: Any) -> None:
    """Everything dynkube does not know is written back, in order."""
    document = {"future": {"z": 1, "a": 2}, **kubeconfig(cluster={"server": "https://h", "new": True})}
    path = write(document)
    writing.set_context("other", {"cluster": "c", "user": "u"}, kubeconfig=path)
    after = read(path)
    assert list(after) == list(document)
    assert after["future"] == {"z": 1, "a": 2}
    assert after["clusters"][0]["cluster"]["new"] is True


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda path: writing.set_user("u", {"tokn": "t"}, kubeconfig=path),
            "a user has no field 'tokn'; did you mean 'token'",
        ),
        (lambda path: writing.set_user("", {"token": "t"}, kubeconfig=path), "a user needs a name"),
        (lambda path: writing.set_user("u", {"token": 5}, kubeconfig=path), "user 'u': token must be a string"),
        (
            lambda path: writing.set_cluster("c", {"insecure-skip-tls-verify": "no"}, kubeconfig=path),
            "must be true or false",
        ),
        (lambda path: writing.delete_user("x", kubeconfig=path), "user 'x' is not defined"),
        (lambda path: writing.rename_context("x", "y", kubeconfig=path), "context 'x' is not defined"),
        (lambda path: writing.rename_context("ctx", "ctx", kubeconfig=path), "context 'ctx' exists already"),
        (lambda path: writing.write_auth_provider(path, "u", {}), "user 'u' has no auth-provider"),
    ],
)
def test_bad_changes_leave_the_file_alone(write: Write, kubeconfig: Any, call: Any, message: str) -> None:
    """A change that would not leave a kubeconfig is refused and nothing is written, no lock is left."""
    path = write(kubeconfig())
    before = Path(path).read_bytes()
    with pytest.raises(ConfigError, match=message):
        call(path)
    assert Path(path).read_bytes() == before
    assert entries(Path(path).parent).count("config.lock") == 0


def test_broken_file_is_not_overwritten(write: Write) -> None:
    """A file that cannot be read is an error, not a fresh start."""
    path = write("users: [")
    with pytest.raises(ConfigError):
        writing.set_user("u", {"token": "t"}, kubeconfig=path)
    assert Path(path).read_text() == "users: ["


def test_deleting_uncovers_a_shadowed_stanza(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stanza is deleted where it came from; one of its name in a later file comes into force."""
    one = write({"users": [{"name": "u", "user": {"token": "1"}}]}, "1")
    two = write({"users": [{"name": "u", "user": {"token": "2"}}]}, "2")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([one, two]))
    assert writing.delete_user("u") == one
    assert Kubeconfig.load().users["u"].text("token") == "2"
    assert writing.delete_user("u") == two
    assert not Kubeconfig.load().users


def test_deleting(write: Write, kubeconfig: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Clusters and contexts are deleted by name; deleting the current context is said."""
    path = write(kubeconfig())
    writing.delete_cluster("c", kubeconfig=path)
    with caplog.at_level(logging.WARNING):
        writing.delete_context("ctx", kubeconfig=path)
    assert read(path)["clusters"] == read(path)["contexts"] == []
    assert "context 'ctx' was the current one" in caplog.text


def test_renaming_a_context(write: Write, kubeconfig: Any) -> None:
    """The context keeps its place and content, and stays the current one."""
    document = kubeconfig(context={"namespace": "n"})
    document["contexts"].append({"name": "last", "context": {}})
    path = write(document)
    writing.rename_context("ctx", "new", kubeconfig=path)
    after = read(path)
    assert [entry["name"] for entry in after["contexts"]] == ["new", "last"]
    assert after["contexts"][0]["context"]["namespace"] == "n"
    assert after["current-context"] == "new"


def test_merging_in(write: Write, kubeconfig: Any, tmp_path: Path) -> None:
    """Stanzas of another file are added with absolute paths; the current context is kept."""
    path = write(kubeconfig())
    other = write(
        {
            "current-context": "theirs",
            "clusters": [{"name": "theirs", "cluster": {"server": "https://t", "certificate-authority": "ca"}}],
            "users": [{"name": "theirs", "user": {"exec": {"command": "./login"}}}],
            "contexts": [{"name": "theirs", "context": {"cluster": "theirs", "user": "theirs"}}],
        },
        "elsewhere/config",
    )
    assert writing.merge_in(other, kubeconfig=path) == path
    merged = Kubeconfig.load(path)
    assert merged.current_context == "ctx"
    assert merged.clusters["theirs"].text("certificate-authority") == str(tmp_path / "elsewhere" / "ca")
    assert merged.users["theirs"].values["exec"]["command"] == str(tmp_path / "elsewhere" / "login")
    before = Path(path).read_bytes()
    writing.merge_in(other, kubeconfig=path)
    assert Path(path).read_bytes() == before


def test_merging_into_nothing_takes_the_current_context(kubeconfig: Any, nothing_configured: Path) -> None:
    """The first kubeconfig merged in is usable at once."""
    writing.merge_in(kubeconfig())
    assert load_config().context == "ctx"


def test_merging_conflicts(write: Write, kubeconfig: Any) -> None:
    """A stanza that differs is an error listing all of them, unless it is to be overwritten."""
    path = write(kubeconfig(user={"token": "mine"}))
    other = kubeconfig(cluster={"server": "https://theirs"}, user={"token": "their-token"})
    with pytest.raises(ConfigError) as caught:
        writing.merge_in(other, kubeconfig=path)
    assert len(caught.value.problems) == 2
    assert "their-token" not in str(caught.value)
    writing.merge_in(other, overwrite=True, kubeconfig=path)
    config = load_config(kubeconfig=path)
    assert (config.host, config.bearer_token) == ("https://theirs", "their-token")


def test_auth_provider_is_written_back(write: Write, kubeconfig: Any) -> None:
    """Refreshed tokens replace the old ones in the stanza the provider came from."""
    path = write(kubeconfig(user={"auth-provider": {"name": "oidc", "config": {"id-token": "old", "client-id": "c"}}}))
    provider = load_config(kubeconfig=path).auth_provider
    assert provider is not None
    assert provider.path is not None
    assert provider.user is not None
    writing.write_auth_provider(provider.path, provider.user, {**provider.config, "id-token": "new"})
    fresh = load_config(kubeconfig=path).auth_provider
    assert fresh is not None
    assert dict(fresh.config) == {"id-token": "new", "client-id": "c"}


def test_paths_are_stored_relative_to_the_file_they_lie_beside(
    write: Write, kubeconfig: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is taken from the working directory, and stored relative only if it needs no `..`."""
    path = write(kubeconfig(), "kube/config")
    monkeypatch.chdir(tmp_path / "kube")
    for given, stored in (
        ("pki/ca.crt", "pki/ca.crt"),
        (str(tmp_path / "kube" / "ca.crt"), "ca.crt"),
        (str(tmp_path / "ca.crt"), str(tmp_path / "ca.crt")),
    ):
        writing.set_cluster("c", {"certificate-authority": given}, kubeconfig=path)
        assert read(path)["clusters"][0]["cluster"]["certificate-authority"] == stored


def test_mode_is_kept(write: Write, kubeconfig: Any) -> None:
    """A file someone opened to a group stays so."""
    path = write(kubeconfig())
    Path(path).chmod(0o640)
    writing.delete_user("u", kubeconfig=path)
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o640


def test_symbolic_link_is_kept(write: Write, kubeconfig: Any, tmp_path: Path) -> None:
    """A link stays a link; its target is replaced."""
    target = Path(write(kubeconfig(), "real/config"))
    link = tmp_path / "link"
    link.symlink_to(target)
    writing.set_user("u", {"token": "t"}, kubeconfig=link)
    assert link.is_symlink()
    assert read(target)["users"][0]["user"] == {"token": "t"}
    assert sorted(entries(target.parent)) == ["config"]


def test_json_stays_json(tmp_path: Path, kubeconfig: Any) -> None:
    """A kubeconfig written in JSON is written back as JSON."""
    path = tmp_path / "config"
    path.write_text(json.dumps(kubeconfig()))
    writing.set_user("u", {"token": "t"}, kubeconfig=path)
    assert json.loads(path.read_text())["users"][0]["user"] == {"token": "t"}


def test_nothing_to_change_writes_nothing(write: Write, kubeconfig: Any) -> None:
    """Setting what is set already leaves the file, its comments included, as it is."""
    path = Path(write(kubeconfig()))
    path.write_text("# mine\n" + path.read_text())
    before = path.read_bytes(), path.stat().st_mtime_ns
    writing.use_context("ctx", kubeconfig=path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_lock_of_another_process_is_honoured(write: Write, kubeconfig: Any) -> None:
    """Where client-go's lock file is, nothing is written; the message says which file to look at."""
    path = write(kubeconfig())
    lock = Path(f"{path}.lock")
    lock.touch()
    before = Path(path).read_bytes()
    with pytest.raises(ConfigError, match=rf"being changed by another process; if there is none, remove {lock}"):
        writing.set_user("u", {"token": "t"}, kubeconfig=path)
    assert Path(path).read_bytes() == before
    assert lock.exists()


def test_locks_are_given_back_when_one_is_taken(tmp_path: Path) -> None:
    """Failing at the second file releases the first."""
    (tmp_path / "b.lock").touch()
    with pytest.raises(ConfigError), locked([str(tmp_path / "b"), str(tmp_path / "a")]):
        pytest.fail("both locks were taken")
    assert sorted(entries(tmp_path)) == ["b.lock", "home"]


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    """While a file is replaced again and again, every read gives one of the contents whole."""
    path = tmp_path / "config"
    contents = [bytes([65 + index]) * 200_000 for index in range(4)]
    replace_file(str(path), contents[0])
    stop = threading.Event()

    def keep_writing() -> None:
        while not stop.is_set():
            for content in contents:
                replace_file(str(path), content)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        seen = [path.read_bytes() for _ in range(200)]
    finally:
        stop.set()
        writer.join(timeout=30)
    assert not writer.is_alive()
    assert all(content in contents for content in seen)


def test_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the rename fails, the old content and no temporary file remain."""
    path = tmp_path / "config"
    path.write_text("old")

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ConfigError, match="cannot be written: Device or resource busy"):
        replace_file(str(path), b"new")
    assert path.read_text() == "old"
    assert sorted(entries(tmp_path)) == ["config", "home"]
