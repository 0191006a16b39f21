"""Files to and from containers, and archives that would write where they must not."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from dynkube.errors import CommandFailedError, InvalidRequestError, ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dynkube.dynamic import Resource
    from dynkube.testing.container_process import ContainerProcess
    from dynkube.testing.containers import Containers


def local(process: ContainerProcess) -> int:
    """Run the command on this machine."""
    done = subprocess.run(list(process.args), input=process.stdin.read(), capture_output=True, check=False)
    process.stdout.write(done.stdout)
    process.stderr.write(done.stderr)
    return done.returncode


@pytest.fixture
def inside(containers: Containers, tmp_path: Path) -> Path:
    """Return a folder that containers see as well."""
    for program in ("tar", "test"):
        containers.set_command(program, local)
    folder = tmp_path / "inside"
    folder.mkdir()
    return folder


def tree(top: Path) -> Path:
    """Make a folder with a bit of everything."""
    (top / "sub").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "a.txt").write_text("a\n")
    (top / "a.txt").chmod(0o640)
    (top / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (top / "sub" / "run.sh").chmod(0o755)
    (top / "sub" / "-b").write_bytes(bytes(range(256)) * 1000)
    (top / "sub" / "link").symlink_to("../a.txt")
    (top / "sub").chmod(0o750)
    return top


def seen(top: Path) -> dict[str, tuple[int, bytes | str]]:
    """Return what a folder holds: modes, and contents or where links lead."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in top.rglob("*"):
        name = str(path.relative_to(top))
        if path.is_symlink():
            found[name] = (0, str(path.readlink()))
        else:
            found[name] = (path.stat().st_mode & 0o7777, path.read_bytes() if path.is_file() else "")
    return found


def test_a_file_out_of_a_container(pods: Resource, inside: Path, tmp_path: Path) -> None:
    """Under the name that is given, or its own in a directory; its mode is kept."""
    (inside / "hosts").write_text("127.0.0.1\n")
    (inside / "hosts").chmod(0o604)
    there = tmp_path / "there"
    assert pods.copy_from("web", f"{inside}/hosts", there) == there
    assert (there.read_text(), there.stat().st_mode & 0o777) == ("127.0.0.1\n", 0o604)
    (tmp_path / "folder").mkdir()
    assert pods.copy_from("web", f"{inside}/hosts", tmp_path / "folder") == tmp_path / "folder" / "hosts"
    assert pods.copy_from("web", f"{inside}/hosts", f"{tmp_path}/new/") == tmp_path / "new" / "hosts"


def test_a_directory_out_of_a_container(pods: Resource, inside: Path, tmp_path: Path) -> None:
    """Everything in it, with modes and links; what is there already is replaced or stays."""
    tree(inside / "site")
    target = tmp_path / "target"
    assert pods.copy_from("web", f"{inside}/site/", target) == target
    assert seen(target) == seen(inside / "site")
    (target / "a.txt").write_text("changed")
    (target / "mine").write_text("stays")
    pods.copy_from("web", f"{inside}/site", target)
    assert (target / "a.txt").read_text() == "a\n"
    assert (target / "mine").read_text() == "stays"


def test_a_directory_into_a_container(pods: Resource, inside: Path, tmp_path: Path) -> None:
    """Into a directory that is there, else under that name."""
    source = tree(tmp_path / "site")
    assert pods.copy_to("web", source, str(inside)) == f"{inside}/site"
    assert seen(inside / "site") == seen(source)
    assert pods.copy_to("web", source, f"{inside}/other") == f"{inside}/other"
    assert seen(inside / "other") == seen(source)


def test_a_file_into_a_container(pods: Resource, inside: Path, tmp_path: Path) -> None:
    """Megabytes arrive whole; "/" at the end stands for a directory."""
    source = tmp_path / "-data"
    source.write_bytes(bytes(range(256)) * 10_000)
    assert pods.copy_to("web", source, f"{inside}/renamed") == f"{inside}/renamed"
    assert (inside / "renamed").read_bytes() == source.read_bytes()
    assert pods.copy_to("web", source, f"{inside}/") == f"{inside}/-data"
    pods.copy_to("web", source, f"{inside}/loose", preserve=False)
    assert (inside / "loose").read_bytes() == source.read_bytes()


def test_what_tar_says_is_told(pods: Resource, inside: Path, tmp_path: Path) -> None:
    """A missing file, a missing directory: CommandFailedError with its words."""
    with pytest.raises(CommandFailedError, match="exit code 2: tar: ") as caught:
        pods.copy_from("web", f"{inside}/missing", tmp_path / "x")
    assert b"missing" in caught.value.stderr
    source = tmp_path / "big"
    source.write_bytes(bytes(5_000_000))
    with pytest.raises(CommandFailedError, match="tar: "):
        pods.copy_to("web", source, f"{inside}/no/such/place")
    assert not (tmp_path / "x").exists()


def test_what_is_not_here_is_told_first(pods: Resource, tmp_path: Path) -> None:
    """A local file that is missing is the operating system's error."""
    with pytest.raises(FileNotFoundError):
        pods.copy_to("web", tmp_path / "missing", "/tmp")


@pytest.mark.parametrize("remote", ["", "..", "/tmp/..", ".", "a/.", "a\0b"])
def test_paths_without_a_name(pods: Resource, tmp_path: Path, remote: str) -> None:
    """They are refused: the copy would have no name."""
    with pytest.raises(InvalidRequestError):
        pods.copy_from("web", remote, tmp_path / "x")


def member(name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """Return the head of one member."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    info.size = 4 if kind == tarfile.REGTYPE else 0
    return info


@pytest.fixture
def receive(pods: Resource, containers: Containers, tmp_path: Path) -> Callable[..., Path]:
    """Return what copies an archive of these members, made by somebody evil, into a folder."""

    def copy(*members: tarfile.TarInfo) -> Path:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for each in members:
                archive.addfile(each, io.BytesIO(b"evil"))
        containers.set_command("tar", lambda process: process.stdout.write(buffer.getvalue()))
        target = tmp_path / "target"
        pods.copy_from("web", "/data", target)
        return target

    return copy


TOP = member("./data", kind=tarfile.DIRTYPE, mode=0o755)


@pytest.mark.parametrize(
    "members",
    [
        [member("/etc/passwd")],
        [TOP, member("data/../../evil")],
        [TOP, member("data/x/../../../evil")],
        [member("other")],
        [TOP, member("/data/x")],
        [member("data"), member("data/x")],
    ],
)
def test_names_that_lead_out_are_refused(
    receive: Callable[..., Path], tmp_path: Path, members: list[tarfile.TarInfo]
) -> None:
    """Absolute ones, "..", what was not asked for, and what stands below a file; nothing is written outside."""
    with pytest.raises(ResponseError, match="the archive holds"):
        receive(*members)
    assert {path.name for path in tmp_path.iterdir()} <= {"target", "temporary"}


@pytest.mark.parametrize("link", ["/etc", "../..", "../../secret", "sub/../../.."])
def test_links_that_lead_out_are_left_out(
    receive: Callable[..., Path], caplog: pytest.LogCaptureFixture, link: str
) -> None:
    """With a warning; what would be written through them lands in a folder of that name."""
    target = receive(TOP, member("data/out", kind=tarfile.SYMTYPE, link=link), member("data/out/evil"))
    assert (target / "out" / "evil").read_bytes() == b"evil"
    assert not (target / "out").is_symlink()
    assert "leads out" in caplog.text


def test_a_way_out_in_two_steps(receive: Callable[..., Path], tmp_path: Path) -> None:
    """A link within the target makes another, harmless by its text, lead out: where it really is counts."""
    target = receive(
        TOP,
        member("data/a", kind=tarfile.DIRTYPE, mode=0o755),
        member("data/a/up", kind=tarfile.SYMTYPE, link=".."),
        member("data/a/up/out", kind=tarfile.SYMTYPE, link="../.."),
        member("data/a/up/x"),
    )
    assert not (target / "out").exists()
    assert (target / "x").read_bytes() == b"evil"


def test_links_that_were_here_before(pods: Resource, inside: Path, tmp_path: Path) -> None:
    """A file that is a link here is replaced, not written through; a folder that is one and leads out is refused."""
    tree(inside / "data")
    target, secret = tmp_path / "target", tmp_path / "secret"
    target.mkdir()
    secret.write_text("mine")
    (target / "a.txt").symlink_to(secret)
    pods.copy_from("web", f"{inside}/data", target)
    assert (secret.read_text(), (target / "a.txt").read_text()) == ("mine", "a\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "sub").symlink_to(tmp_path)
    tmp_path.chmod(0o711)
    with pytest.raises(ResponseError, match="outside of the target"):
        pods.copy_from("web", f"{inside}/data", other)
    assert not (tmp_path / "run.sh").exists()
    assert tmp_path.stat().st_mode & 0o777 == 0o711


def test_hard_links_devices_and_special_bits(receive: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    """A hard link is a file of its own; devices are left out; setuid does not survive."""
    target = receive(
        TOP,
        member("data/one", mode=0o4755),
        member("data/two", kind=tarfile.LNKTYPE, link="data/one"),
        member("data/null", kind=tarfile.CHRTYPE),
        member("data/lost", kind=tarfile.LNKTYPE, link="data/missing"),
    )
    assert {path.name for path in target.iterdir()} == {"one", "two"}
    assert (target / "one").stat().st_mode & 0o7777 == 0o755
    assert (target / "two").stat().st_nlink == 1
    assert "device" in caplog.text
    with pytest.raises(ResponseError, match="the archive holds"):
        receive(TOP, member("data/x", kind=tarfile.LNKTYPE, link="../secret"))


def test_half_an_archive(pods: Resource, containers: Containers, tmp_path: Path) -> None:
    """It is told, whatever tar's exit code says."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(member("data"), io.BytesIO(b"evil"))
    containers.set_command("tar", lambda process: process.stdout.write(buffer.getvalue()[:514]))
    with pytest.raises(ResponseError, match="no whole archive"):
        pods.copy_from("web", "/data", tmp_path / "x")
    containers.set_command("tar", lambda process: process.stdout.write(bytes(10240)))
    with pytest.raises(ResponseError, match="sent nothing"):
        pods.copy_from("web", "/data", tmp_path / "x")
