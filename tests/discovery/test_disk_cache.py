"""Discovery kept on disk: what is used, what is asked again, and what is not trusted."""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from discovery.fakes import Answer, FakeServer, aggregated, group, legacy_groups, resource, version
from dynkube.config import Config, ExecConfig, Impersonation
from dynkube.discovery import CachedDiscovery, DiscoveryClient
from dynkube.discovery.disk_cache import UNFINISHED, DiskCache, default_root, directory_name
from dynkube.discovery.documents import Document
from dynkube.dynamic import DynamicClient
from dynkube.mapping import RESTMapper
from dynkube.names import GroupVersion
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDGETS = GroupVersion("example.com", "v1")


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        """Return what time it is."""
        return self.now


def server(*names: str, etag: str = '"1"') -> FakeServer:
    """Return a server with these resources in one group version."""
    named = aggregated(group("example.com", version("v1", *map(resource, names))), etag=etag)
    return FakeServer({"/api": aggregated(group("", version("v1", resource("pods"))), etag='"core"'), "/apis": named})


def names(client: DiscoveryClient) -> list[str]:
    """Discover, and return the names found in example.com/v1."""
    return [entry.name for entry in client.discover().resources[WIDGETS]]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return where the cache goes; neither it nor its parent is there yet."""
    return tmp_path / "root" / "cache"


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings logged so far."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_second_process_sends_nothing(directory: Path) -> None:
    """What one process discovered the next one reads; nothing is sent while it is young."""
    first, second = server("widgets"), server("widgets")
    assert names(DiscoveryClient(first.rest, store=DiskCache(directory))) == ["widgets"]
    assert first.paths == ["/api", "/apis"]
    assert names(DiscoveryClient(second.rest, store=DiskCache(directory))) == ["widgets"]
    assert second.paths == []


def test_old_documents_are_revalidated(directory: Path) -> None:
    """Past its age a document is asked for again with its ETag; a 304 makes it young again for everyone."""
    clock, origin = Clock(), server("widgets")
    names(DiscoveryClient(origin.rest, store=DiskCache(directory, max_age=100, clock=clock)))
    clock.now += 101
    later = DiscoveryClient(origin.rest, store=DiskCache(directory, max_age=100, clock=clock))
    found = later.discover()
    assert [dict(request.headers).get("If-None-Match") for request in origin.requests[2:]] == ['"core"', '"1"']
    origin.answers["/apis"] = aggregated(group("example.com", version("v1", resource("gadgets"))), etag='"2"')
    later.invalidate()
    assert names(later) == ["gadgets"]
    assert found.resources[WIDGETS][0].name == "widgets"


def test_a_304_renews_the_age(directory: Path) -> None:
    """A document the server vouched for again counts as fetched now."""
    origin = server("widgets")
    clock = Clock()
    store = DiskCache(directory, clock=clock)
    names(DiscoveryClient(origin.rest, store=store))
    document = store.load("/apis", dict(origin.requests[1].headers)["Accept"])
    assert document is not None
    store.save(replace(document, fetched=clock.now - 7 * 3600))
    names(DiscoveryClient(origin.rest, store=store))
    assert origin.paths == ["/api", "/apis", "/apis"]
    names(DiscoveryClient(origin.rest, store=store))
    assert len(origin.paths) == 3


def test_invalidate_goes_past_the_disk(directory: Path) -> None:
    """After invalidate() the server is asked although the stored documents are young."""
    origin = server("widgets")
    client = DiscoveryClient(origin.rest, store=DiskCache(directory))
    names(client)
    client.invalidate()
    names(client)
    assert origin.paths == ["/api", "/apis"] * 2
    names(client)
    assert origin.paths == ["/api", "/apis"] * 2


def test_a_miss_goes_past_the_disk(directory: Path) -> None:
    """A name missing from a cache on disk is looked for on the server before it is called unknown."""
    names(DiscoveryClient(server("widgets").rest, store=DiskCache(directory)))
    grown = server("widgets", "gadgets", etag='"2"')
    mapper = RESTMapper(CachedDiscovery(DiscoveryClient(grown.rest, store=DiskCache(directory))))
    assert mapper.resolve(None, "widgets").group == "example.com"
    assert grown.paths == []
    assert mapper.resolve(None, "gadgets").group == "example.com"
    assert grown.paths == ["/api", "/apis"]


def test_a_miss_in_the_first_lookup_goes_past_the_disk(directory: Path) -> None:
    """That holds for the very first lookup of a process, too: what it missed in was not asked for just now."""
    names(DiscoveryClient(server("widgets").rest, store=DiskCache(directory)))
    grown = server("widgets", "gadgets", etag='"2"')
    mapper = RESTMapper(DiscoveryClient(grown.rest, store=DiskCache(directory)))
    assert mapper.resolve(None, "gadgets").group == "example.com"
    assert grown.paths == ["/api", "/apis"]


def test_permissions(directory: Path) -> None:
    """Directories are 0700 and files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        names(DiscoveryClient(server("widgets").rest, store=DiskCache(directory)))
    finally:
        os.umask(before)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(directory.parent.stat().st_mode) == 0o700
    files = list(directory.iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def stored(directory: Path) -> Path:
    """Fill the cache and return the file of /apis."""
    names(DiscoveryClient(server("widgets").rest, store=DiskCache(directory)))
    return next(file for file in directory.iterdir() if file.name.startswith("apis"))


def test_edited_file_is_not_used(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file in which someone made widgets into secrets is ignored with a warning, and written anew."""
    file = stored(directory)
    file.write_bytes(file.read_bytes().replace(b'"resource": "widgets"', b'"resource": "secrets"'))
    origin = server("widgets")
    assert names(DiscoveryClient(origin.rest, store=DiskCache(directory))) == ["widgets"]
    assert origin.paths == ["/apis"]
    assert any("tampered" in text and str(file) in text for text in warnings(caplog))
    assert names(DiscoveryClient(origin.rest, store=DiskCache(directory))) == ["widgets"]
    assert origin.paths == ["/apis"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]\n{}", b"null\n", b'{"format": 1}\n{}', b"\xff\xfe\n\x00", b"x" * 5000]
)
def test_damaged_file_is_not_used(directory: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is empty, cut off or something else altogether is ignored with a warning."""
    stored(directory).write_bytes(content)
    origin = server("widgets")
    assert names(DiscoveryClient(origin.rest, store=DiskCache(directory))) == ["widgets"]
    assert origin.paths == ["/apis"]
    assert any("damaged" in text for text in warnings(caplog))


def test_every_truncation_is_noticed(directory: Path) -> None:
    """However much of a file is missing at its end, what is left is not used."""
    file = stored(directory)
    whole = file.read_bytes()
    accept = json.loads(whole.partition(b"\n")[0])["accept"]
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        assert DiskCache(directory).load("/apis", accept) is None
    file.write_bytes(whole)
    assert DiskCache(directory).load("/apis", accept) is not None


def test_a_file_of_another_request_is_not_used(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file moved into another one's place is ignored: it says itself what it answers."""
    file = stored(directory)
    other = next(entry for entry in directory.iterdir() if entry != file)
    file.write_bytes(other.read_bytes())
    assert names(DiscoveryClient(server("widgets").rest, store=DiskCache(directory))) == ["widgets"]
    assert any("tampered" in text for text in warnings(caplog))


def test_another_format_is_asked_for_again(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file of another version of this package is neither used nor complained about."""
    file = stored(directory)
    header, _, body = file.read_bytes().partition(b"\n")
    file.write_bytes(json.dumps({**json.loads(header), "format": 99}).encode() + b"\n" + body)
    origin = server("widgets")
    assert names(DiscoveryClient(origin.rest, store=DiskCache(directory))) == ["widgets"]
    assert origin.paths == ["/apis"]
    assert warnings(caplog) == []


def test_a_file_from_the_future_is_not_used(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file fetched later than now is ignored with a warning; a little later than now is a clock set back."""
    clock = Clock()
    origin = server("widgets")
    names(DiscoveryClient(origin.rest, store=DiskCache(directory, clock=clock)))
    clock.now -= 30
    names(DiscoveryClient(origin.rest, store=DiskCache(directory, clock=clock)))
    assert len(origin.paths) == 2
    clock.now -= 3600
    names(DiscoveryClient(origin.rest, store=DiskCache(directory, clock=clock)))
    assert len(origin.paths) == 4
    assert any("future" in text for text in warnings(caplog))


@pytest.mark.parametrize("age", ["NaN", "Infinity"])
def test_an_age_that_is_no_number_is_not_used(directory: Path, age: str) -> None:
    """A file whose age compares with nothing is ignored."""
    file = stored(directory)
    header, _, body = file.read_bytes().partition(b"\n")
    said = json.loads(header)
    file.write_bytes(json.dumps({**said, "fetched": float(age)}).encode() + b"\n" + body)
    assert DiskCache(directory).load("/apis", said["accept"]) is None


@pytest.mark.parametrize("what", ["file", "directory"])
def test_writable_by_others_is_not_used(directory: Path, what: str, caplog: pytest.LogCaptureFixture) -> None:
    """A file or directory that others may write is ignored with a warning."""
    file = stored(directory)
    (file if what == "file" else directory).chmod(0o777)
    origin = server("widgets")
    assert names(DiscoveryClient(origin.rest, store=DiskCache(directory))) == ["widgets"]
    assert "/apis" in origin.paths
    assert any("others may write it" in text for text in warnings(caplog))


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owner here")
def test_owned_by_another_user_is_not_used(
    directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What someone else owns is neither read nor written."""
    file = stored(directory)
    before = file.read_bytes()
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    origin = server("gadgets", etag='"2"')
    assert names(DiscoveryClient(origin.rest, store=DiskCache(directory))) == ["gadgets"]
    assert origin.paths == ["/api", "/apis"]
    assert any("belongs to user" in text for text in warnings(caplog))
    assert file.read_bytes() == before


def test_links_are_not_followed(directory: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A symbolic link in a file's place is not read, and is replaced rather than written through."""
    file = stored(directory)
    target = tmp_path / "elsewhere"
    target.write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(target)
    before = target.read_bytes()
    names(DiscoveryClient(server("gadgets", etag='"2"').rest, store=DiskCache(directory)))
    assert warnings(caplog)
    assert not file.is_symlink()
    assert target.read_bytes() == before


def test_a_directory_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing can be stored discovery still works, with a warning."""
    obstacle = tmp_path / "file"
    obstacle.write_text("in the way")
    assert names(DiscoveryClient(server("widgets").rest, store=DiskCache(obstacle / "cache"))) == ["widgets"]
    assert any("cannot be cached" in text for text in warnings(caplog))


def test_stored_documents_that_make_no_sense(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file in good order whose document is no discovery is asked for again."""
    origin = server("widgets")
    store = DiskCache(directory)
    names(DiscoveryClient(origin.rest, store=store))
    accept = dict(origin.requests[1].headers)["Accept"]
    store.save(Document("/apis", accept, "application/json", "", b'{"kind": "Pod"}', time.time()))
    assert names(DiscoveryClient(origin.rest, store=store)) == ["widgets"]
    assert any("/apis" in text for text in warnings(caplog))


def test_failures_and_refusals_are_not_stored(directory: Path) -> None:
    """An answer that is an error leaves nothing behind."""
    origin = server("widgets")
    origin.answers["/apis"] = Answer({"kind": "Status", "status": "Failure", "code": 503}, 503)
    with pytest.raises(Exception, match="503"):
        DiscoveryClient(origin.rest, store=DiskCache(directory)).discover()
    assert [file.name.split("-")[0] for file in directory.iterdir()] == ["api"]


def test_plain_documents_are_stored_too(directory: Path) -> None:
    """The per-group documents of a server without aggregated discovery are kept one by one, without ETags."""
    origin = FakeServer(
        {
            "/apis": legacy_groups(example_com=["v1"]),
            "/apis/example.com/v1": Answer(
                {
                    "groupVersion": "example.com/v1",
                    "resources": [{"name": "widgets", "kind": "Widget", "verbs": ["get"]}],
                }
            ),
        }
    )
    assert names(DiscoveryClient(origin.rest, store=DiskCache(directory))) == ["widgets"]
    second = FakeServer({})
    assert names(DiscoveryClient(second.rest, store=DiskCache(directory))) == ["widgets"]
    assert second.paths == ["/api"]


def test_two_writers_at_once(directory: Path) -> None:
    """However many write at once, a reader always finds one complete document."""
    accept = "application/json"
    bodies = [json.dumps({"n": n, "pad": "x" * 20_000}).encode() for n in range(4)]

    def write(body: bytes) -> None:
        for _ in range(25):
            DiskCache(directory).save(Document("/apis", accept, accept, "", body, time.time()))

    def read() -> int:
        seen = 0
        for _ in range(100):
            document = DiskCache(directory).load("/apis", accept)
            if document is not None:
                assert document.body in bodies
                seen += 1
        return seen

    with ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(write, body) for body in bodies]
        readers = [pool.submit(read) for _ in range(4)]
        for writer in writers:
            writer.result(timeout=60)
        for reader in readers:
            reader.result(timeout=60)
    assert DiskCache(directory).load("/apis", accept) is not None
    assert [file.name for file in directory.iterdir() if file.suffix == ".tmp"] == []


WRITER = """
import sys, time
from dynkube.discovery.disk_cache import DiskCache
from dynkube.discovery.documents import Document
directory, letter = sys.argv[1:]
for n in range(100_000):
    etag = letter * (n % 7 + 1)
    DiskCache(directory).save(Document("/apis", "a", "b", etag, etag.encode() * 50_000, time.time()))
    if n == 3:
        print("started", flush=True)
"""


@contextmanager
def writing(directory: Path, letter: str) -> Iterator[None]:
    """Run a process that writes without end, and kill it in the middle of what it does."""
    command = [sys.executable, "-c", WRITER, str(directory), letter]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"started\n"
            yield
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)


def test_killed_while_writing(directory: Path) -> None:
    """A process killed in the middle of writing leaves a document that can be read."""
    for letter in "abc":
        with writing(directory, letter):
            pass
        document = DiskCache(directory).load("/apis", "a")
        assert document is not None
        assert document.etag[0] == letter
        assert document.body == document.etag.encode() * 50_000


def test_two_processes_at_once(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While two processes write without end a third always finds one complete document, of one or the other."""
    seen: set[str] = set()
    with writing(directory, "a"), writing(directory, "b"):
        for turn in range(2000):
            document = DiskCache(directory).load("/apis", "a")
            assert document is not None
            assert document.body == document.etag.encode() * 50_000
            seen.add(document.etag[0])
            if len(seen) == 2 and turn > 200:
                break
    assert seen == {"a", "b"}
    assert warnings(caplog) == []


DISCOVERER = """
import sys
import dynkube
from dynkube.config import Config
url, directory = sys.argv[1:]
with dynkube.DynamicClient(Config(host=url), cache=directory) as dyn:
    for _ in range(20):
        dyn.mapper.invalidate()
        assert dyn.mapper.resolve(None, "deploy").name == "deployments"
"""


def test_two_processes_discover_at_once(tmp_path: Path) -> None:
    """Processes that discover one server through one cache at once all find everything, and so does the next."""
    with APIServer() as server:
        command = [sys.executable, "-W", "error", "-c", DISCOVERER, server.url, str(tmp_path / "cache")]
        processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
        for process in processes:
            _, said = process.communicate(timeout=60)
            assert (process.returncode, said) == (0, b"")
        server.clear_requests()
        with DynamicClient(Config(host=server.url), cache=tmp_path / "cache") as dyn:
            assert dyn.mapper.resolve(None, "deploy").name == "deployments"
        assert list(server.requests) == []
    assert list((tmp_path / "cache").glob("*/.*.tmp")) == []


def test_what_killed_processes_left_goes(directory: Path) -> None:
    """Files a process left unfinished are removed by one that stores later; those just begun stay."""
    store = DiskCache(directory)
    document = Document("/apis", "a", "b", "", b"{}", time.time())
    store.save(document)
    dead, alive = directory / ".dead.tmp", directory / ".alive.tmp"
    for file in (dead, alive):
        file.write_bytes(b"half")
    long_ago = time.time() - UNFINISHED - 60
    os.utime(dead, (long_ago, long_ago))
    DiskCache(directory).save(document)
    assert not dead.exists()
    assert alive.exists()


def test_each_host_authority_and_user_has_its_own() -> None:
    """Configs that differ in host, certificate authority or user have different directories; others have the same."""
    base = Config(host="https://one.example:6443", bearer_token="secret-token")
    different = [
        base,
        base.replace(host="https://two.example:6443"),
        base.replace(host="https://one.example:6443/prefix"),
        base.replace(bearer_token="other"),
        base.replace(ca_data=b"ca"),
        base.replace(insecure=True),
        base.replace(tls_server_name="three.example"),
        base.replace(impersonate=Impersonation(user="jane")),
        base.replace(bearer_token=None, username="jane", password="p"),
        base.replace(bearer_token=None, bearer_token_file="/token"),
        base.replace(bearer_token=None, cert_data=b"c", key_data=b"k"),
        base.replace(
            bearer_token=None, exec_provider=ExecConfig(command="login", api_version="client.authentication.k8s.io/v1")
        ),
    ]
    assert len({directory_name(config) for config in different}) == len(different)
    assert directory_name(base) == directory_name(base.replace(namespace="other", qps=5))
    assert directory_name(base).startswith("v1-one.example_6443-")
    assert "secret-token" not in directory_name(base)
    renewed = base.replace(bearer_token=None, username="jane", password="q")
    assert directory_name(renewed) == directory_name(different[8])


def test_a_replaced_authority_file_has_another_directory(tmp_path: Path) -> None:
    """The certificate authority's content counts, not its path; one that cannot be read counts by its path."""
    file = tmp_path / "ca.crt"
    config = Config(host="https://one.example", ca_file=str(file))
    missing = directory_name(config)
    file.write_bytes(b"one")
    one = directory_name(config)
    file.write_bytes(b"two")
    assert len({missing, one, directory_name(config)}) == 3
    assert directory_name(Config(host="https://one.example", ca_data=b"two")) == directory_name(config)


def test_where_caches_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The user's cache directory is used; a relative XDG_CACHE_HOME is ignored."""
    config = Config(host="https://one.example")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_root() == Path("/somewhere/dynkube/discovery")
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert default_root() == tmp_path / ".cache" / "dynkube" / "discovery"
    assert DiskCache.for_config(config).directory.parent == default_root()
    assert DiskCache.for_config(config, tmp_path).directory.parent == tmp_path
    assert DiskCache.for_config(config, "~/here").directory.parent == tmp_path / "here"


def test_abandoned_caches_are_removed(tmp_path: Path) -> None:
    """Caches untouched for a month go when a new one is made; what is not a cache stays."""
    old, recent, foreign = (tmp_path / name for name in ("v1-old-1", "v1-recent-2", "documents"))
    for place in (old, recent, foreign):
        place.mkdir(mode=0o700)
        (place / "file").write_text("x")
    month_ago = time.time() - 31 * 24 * 3600
    for place in (old, foreign):
        os.utime(place / "file", (month_ago, month_ago))
    names(DiscoveryClient(server("widgets").rest, store=DiskCache(tmp_path / "v1-new-3")))
    assert not old.exists()
    assert (recent / "file").exists()
    assert (foreign / "file").exists()


def test_clear(directory: Path) -> None:
    """clear() removes what is stored, and does nothing where nothing is."""
    store = DiskCache(directory)
    store.clear()
    names(DiscoveryClient(server("widgets").rest, store=store))
    store.clear()
    assert not directory.exists()
