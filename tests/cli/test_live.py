"""`dynkube get -w`, `wait` and `events`: commands that watch."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import pytest

from cli.objects import config_map
from dynkube.cli import events, get_watch
from dynkube.cli.common import request_limit
from dynkube.cli.exits import INTERRUPTED, OK, REFUSED, TIMED_OUT, USAGE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from cli.running import Run
    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.objects import JSONObject


@pytest.fixture
def config_maps(dyn: DynamicClient, namespace: str) -> Resource:
    """Return the config maps of the test's namespace."""
    return dyn.resource("v1", "configmaps").namespace(namespace)


#: The command as in a terminal: a job in the background, as CI may be, starts its programs deaf to SIGINT.
INTERRUPTIBLE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from dynkube.cli import main; sys.exit(main())"
)


@contextmanager
def watching(kubeconfig: Path, namespace: str, *words: str, noisy: bool = False) -> Iterator[IO[str]]:
    """Run the command as a process and give its output; at the end it is interrupted, and must say nothing of it.

    `noisy`: it may have told of failures it rode over.
    """
    command = [sys.executable, "-c", INTERRUPTIBLE, "--kubeconfig", str(kubeconfig), "-n", namespace, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
            assert (process.returncode, err if not noisy else "") == (INTERRUPTED, "")
        finally:
            process.kill()


def shortened(options: argparse.Namespace) -> float:
    """Return a two hundredth of what `--request-timeout` says: the requests before the watch keep all of it."""
    limit = request_limit(options)
    assert limit is not None
    return limit / 200


class TestGetWatch:
    def test_rows(self, config_maps: Resource, kubeconfig: Path, namespace: str) -> None:
        """What is there comes first, under one heading; then a row for each change, also for the last one."""
        config_maps.create(config_map("a"))
        with watching(kubeconfig, namespace, "get", "cm", "-w") as out:
            assert out.readline().split() == ["NAME", "DATA", "AGE"]
            assert out.readline().split()[:2] == ["a", "0"]
            config_maps.patch("a", {"data": {"k": "v"}})
            assert out.readline().split()[:2] == ["a", "1"]
            config_maps.create(config_map("another", {"x": "1", "y": "2"}))
            assert out.readline().split()[:2] == ["another", "2"]
            config_maps.delete("another")
            assert out.readline().split()[:2] == ["another", "2"]

    def test_one_object(self, config_maps: Resource, kubeconfig: Path, namespace: str) -> None:
        """A name watches that object and no other."""
        config_maps.create(config_map("a"))
        config_maps.create(config_map("b"))
        with watching(kubeconfig, namespace, "get", "cm", "a", "-w", "--no-headers") as out:
            assert out.readline().split()[0] == "a"
            config_maps.patch("b", {"data": {"k": "v"}})
            config_maps.patch("a", {"data": {"k": "v"}})
            assert out.readline().split()[:2] == ["a", "1"]

    def test_names(self, config_maps: Resource, kubeconfig: Path, namespace: str) -> None:
        """`-o name` prints the name of each object that changes."""
        config_maps.create(config_map("a"))
        with watching(kubeconfig, namespace, "get", "cm", "-w", "-o", "name") as out:
            assert out.readline() == "configmap/a\n"
            config_maps.create(config_map("b"))
            assert out.readline() == "configmap/b\n"

    def test_objects_with_what_happened(self, config_maps: Resource, kubeconfig: Path, namespace: str) -> None:
        """Where objects are printed, `--output-watch-events` prints the events they came in, without managed fields."""
        form = "jsonpath={.type} {.object.metadata.name}{.object.metadata.managedFields}{'\\n'}"
        config_maps.create(config_map("a"))
        with watching(kubeconfig, namespace, "get", "cm", "a", "-w", "--output-watch-events", "-o", form) as out:
            assert out.readline() == "ADDED a\n"
            config_maps.delete("a")
            assert out.readline() == "DELETED a\n"

    def test_events_as_lines(self, run: Run, config_maps: Resource) -> None:
        """As JSON each event is one line, for programs that read it as it comes."""
        config_maps.create(config_map("a", {"k": "v"}))
        words = ["get", "cm", "-w", "--output-watch-events", "-o", "json", "--request-timeout=300ms"]
        (line,) = run(*words).lines
        event = json.loads(line)
        assert (event["type"], event["object"]["data"]) == ("ADDED", {"k": "v"})
        assert "managedFields" not in line

    def test_events_without_a_watch(self, run: Run) -> None:
        """Events are of a watch."""
        shown = run("get", "cm", "--output-watch-events")
        assert (shown.code, shown.out) == (USAGE, "")

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["cm,ns"], "only one resource"),
            (["cm/a", "ns/default"], "only one resource"),
            (["cm", "--output-watch-events", "-o", "name"], "--output-watch-events"),
        ],
    )
    def test_mistakes(self, run: Run, words: list[str], message: str) -> None:
        """What cannot be watched together, or printed so, exits with 2."""
        shown = run("get", "-w", *words)
        assert (shown.code, shown.out) == (USAGE, "")
        assert message in shown.err

    @pytest.mark.parametrize("form", [[], ["-o", "name"]], ids=["table", "name"])
    def test_limited(self, run: Run, config_maps: Resource, form: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """`--request-timeout` limits the watch too, which is one request: when it is over nothing has failed."""
        monkeypatch.setattr(get_watch, "request_limit", shortened)
        config_maps.create(config_map("a"))
        shown = run("get", "cm", "-w", "--no-headers", "--request-timeout=60s", *form)
        assert (shown.code, shown.err) == (OK, "")
        assert [line.split()[0].rpartition("/")[2] for line in shown.lines] == ["a"]

    def test_missing(self, run: Run) -> None:
        """An object that is not there is not waited for."""
        shown = run("get", "cm", "nosuch", "-w")
        assert (shown.code, shown.err) == (REFUSED, 'Error from server (NotFound): configmaps "nosuch" not found\n')


class TestWait:
    def test_a_condition_that_holds(self, run: Run, dyn: DynamicClient) -> None:
        """What holds already is reported at once."""
        shown = run("wait", "--for=jsonpath={.status.phase}=Active", "ns/default")
        assert shown == (OK, "namespace/default condition met\n", "")

    def test_created_and_deleted(self, config_maps: Resource, kubeconfig: Path, namespace: str, run: Run) -> None:
        """It waits for an object to come, and for it to go."""
        command = [
            sys.executable,
            "-m",
            "dynkube.cli",
            "--kubeconfig",
            str(kubeconfig),
            "-n",
            namespace,
            "wait",
            "cm/a",
        ]
        with subprocess.Popen([*command, "--for=create"], stdout=subprocess.PIPE, text=True) as process:
            config_maps.create(config_map("a"))
            assert process.communicate(timeout=30)[0] == "configmap/a condition met\n"
        with subprocess.Popen([*command, "--for=delete"], stdout=subprocess.PIPE, text=True) as process:
            config_maps.delete("a")
            assert process.communicate(timeout=30)[0] == "configmap/a condition met\n"

    def test_too_late(self, run: Run, config_maps: Resource) -> None:
        """A condition that does not come true in time has its own exit code, and one line naming it."""
        config_maps.create(config_map("a"))
        shown = run("wait", "--for=condition=Ready", "cm/a", "--timeout=100ms")
        assert (shown.code, shown.out) == (TIMED_OUT, "")
        assert "condition Ready=True: it has no condition Ready" in shown.err
        assert shown.err.count("\n") == 1

    def test_one_look(self, run: Run, config_maps: Resource) -> None:
        """A timeout of zero looks once."""
        config_maps.create(config_map("a", {"k": "v"}))
        assert run("wait", "--for=jsonpath={.data.k}=v", "cm/a", "--timeout=0").code == OK
        assert run("wait", "--for=jsonpath={.data.k}=w", "cm/a", "--timeout=0").code == TIMED_OUT

    def test_all_selected(self, run: Run, config_maps: Resource) -> None:
        """A selector waits for each of the objects."""
        for name in ("a", "b"):
            config_maps.create(config_map(name, {"k": "v"}, labels={"app": "web"}))
        shown = run("wait", "--for=jsonpath={.data.k}=v", "cm", "-l", "app=web", "-o", "name")
        assert shown.lines == ["configmap/a", "configmap/b"]

    def test_too_late_says_what_is_there(self, run: Run, config_maps: Resource) -> None:
        """The line begins as kubectl's, names the object, and ends with what it has instead."""
        config_maps.create(config_map("a", {"k": "v"}))
        wanted = "--for=jsonpath={.data.k}=w"
        found = "configmap/a: jsonpath {.data.k}=w: it is v\n"
        assert (
            run("wait", wanted, "cm/a", "--timeout=50ms").err
            == f"error: timed out waiting for the condition on {found}"
        )
        assert run("wait", wanted, "cm/a", "--timeout=0").err == f"error: condition not met for {found}"

    def test_one_of_several_too_late(self, run: Run, config_maps: Resource) -> None:
        """After the time is up every further object is still looked at once."""
        config_maps.create(config_map("never"))
        config_maps.create(config_map("so", {"k": "v"}))
        shown = run("wait", "--for=jsonpath={.data.k}=v", "cm", "never", "so", "--timeout=50ms")
        assert (shown.code, shown.out) == (TIMED_OUT, "configmap/so condition met\n")
        assert "configmap/never" in shown.err

    @pytest.mark.parametrize("wanted", ["condition=Ready", "create"])
    def test_nothing_selected(self, run: Run, wanted: str) -> None:
        """A selection without objects is a failure, not a success of all: it is mistyped more often than not."""
        shown = run("wait", f"--for={wanted}", "cm", "-l", "app=nosuch")
        assert shown == (REFUSED, "", "error: no matching resources found\n")

    @pytest.mark.parametrize("wanted", ["delete", "Delete"])
    def test_nothing_left(self, run: Run, wanted: str) -> None:
        """All of no objects are deleted; the word may be written in either case, as for kubectl."""
        assert run("wait", f"--for={wanted}", "cm", "-l", "app=nosuch") == (OK, "", "")

    def test_missing_namespace(self, run: Run) -> None:
        """Where the namespace is what is missing, that is said."""
        shown = run("wait", "-n", "nosuch", "--for=condition=Ready", "cm/a")
        assert (shown.code, shown.err) == (REFUSED, 'Error from server (NotFound): namespaces "nosuch" not found\n')

    @pytest.mark.parametrize(("path", "what"), [("{.data}", "an object"), ("{.data.*}", "2 values")])
    def test_no_single_value(self, run: Run, config_maps: Resource, path: str, what: str) -> None:
        """A path to what no value ever equals is refused at once instead of waited for."""
        config_maps.create(config_map("a", {"k": "v", "l": "w"}))
        shown = run("wait", f"--for=jsonpath={path}=v", "cm/a")
        assert (shown.code, shown.out) == (USAGE, "")
        assert f"{path} leads to {what}" in shown.err

    def test_forms(self, run: Run, config_maps: Resource) -> None:
        """`-o` takes the forms of `get`."""
        config_maps.create(config_map("a", {"k": "v"}))
        assert run("wait", "--for=create", "cm/a", "-o", "jsonpath={.data.k}").out == "v"

    def test_missing(self, run: Run) -> None:
        """A condition of an object that does not exist is refused at once."""
        shown = run("wait", "--for=condition=Ready", "cm/missing")
        assert (shown.code, shown.err) == (REFUSED, 'Error from server (NotFound): configmaps "missing" not found\n')

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["cm/a"], "--for"),
            (["--for=happiness", "cm/a"], "nothing to wait for"),
            (["--for=delete"], "which resource?"),
            (["--for=delete", "cm"], "say which objects"),
            (["--for=delete", "cm/a", "--timeout=soon"], "'soon'"),
        ],
    )
    def test_mistakes(self, run: Run, words: list[str], message: str) -> None:
        """What cannot be meant exits with 2."""
        shown = run("wait", *words)
        assert (shown.code, shown.out) == (USAGE, "")
        assert message in shown.err


def event(name: str, about: str, time: str, **fields: Any) -> JSONObject:
    """Return a core event about a config map."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name},
        "involvedObject": {"apiVersion": "v1", "kind": "ConfigMap", "name": about},
        "type": "Normal",
        "reason": name.capitalize(),
        "message": f"{about} was {name}",
        "lastTimestamp": time,
        **fields,
    }


class TestEvents:
    @pytest.fixture(autouse=True)
    def happened(self, dyn: DynamicClient, namespace: str) -> Resource:
        """Make three events, the later ones first."""
        events = dyn.resource("v1", "events").namespace(namespace)
        for each in (
            event("third", "a", "2026-01-03T00:00:00Z", type="Warning"),
            event("first", "a", "2026-01-01T00:00:00Z"),
            event("second", "b", "2026-01-02T00:00:00Z"),
        ):
            each["involvedObject"]["namespace"] = namespace
            events.create(each)
        return events

    def test_oldest_first(self, run: Run) -> None:
        """Events are printed in the order they happened."""
        shown = run("events")
        assert shown.code == OK
        assert shown.lines[0].split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
        assert [line.split()[2] for line in shown.lines[1:]] == ["First", "Second", "Third"]

    def test_about_one_object(self, run: Run) -> None:
        """`--for` keeps the events about one object."""
        assert [line.split()[2] for line in run("events", "--for", "cm/a", "--no-headers").lines] == ["First", "Third"]

    def test_types(self, run: Run) -> None:
        """`--types` keeps events of a type, whatever its letter case."""
        assert run("events", "--types=warning", "-o", "name").lines == ["event/third"]

    def test_nothing_happened(self, run: Run, namespace: str) -> None:
        """No events is no failure."""
        shown = run("events", "--for", "cm/nosuch")
        assert shown == (OK, "", f"No events found in {namespace} namespace.\n")

    def test_watch(self, kubeconfig: Path, namespace: str, happened: Resource) -> None:
        """`-w` goes on with what happens next."""
        with watching(kubeconfig, namespace, "events", "-w", "--no-headers") as out:
            assert [out.readline().split()[2] for _ in range(3)] == ["First", "Second", "Third"]
            fourth = event("fourth", "a", "2026-01-04T00:00:00Z")
            fourth["involvedObject"]["namespace"] = namespace
            happened.create(fourth)
            assert out.readline().split()[2] == "Fourth"

    @pytest.mark.parametrize("form", [[], ["-o", "name"]], ids=["table", "name"])
    def test_limited(self, run: Run, form: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """`--request-timeout` limits the watch too."""
        monkeypatch.setattr(events, "request_limit", shortened)
        shown = run("events", "-w", "--no-headers", "--request-timeout=60s", *form)
        assert (shown.code, len(shown.lines), shown.err) == (OK, 3, "")

    def test_watch_objects(self, kubeconfig: Path, namespace: str, happened: Resource) -> None:
        """`-w` goes on in every form of output, with the types that are asked for."""
        with watching(
            kubeconfig, namespace, "events", "-w", "-o", "jsonpath={.reason}{'\\n'}", "--types=Normal"
        ) as out:
            assert [out.readline() for _ in range(2)] == ["First\n", "Second\n"]
            for name, kind in (("fourth", "Warning"), ("fifth", "Normal")):
                happening = event(name, "a", "2026-01-04T00:00:00Z", type=kind)
                happening["involvedObject"]["namespace"] = namespace
                happened.create(happening)
            assert out.readline() == "Fifth\n"

    @pytest.mark.parametrize(("words", "message"), [(["--types=Bad"], "'bad'"), (["--for", "cm"], "resource/name")])
    def test_mistakes(self, run: Run, words: list[str], message: str) -> None:
        """What cannot be meant exits with 2."""
        shown = run("events", *words)
        assert (shown.code, shown.out) == (USAGE, "")
        assert message in shown.err
