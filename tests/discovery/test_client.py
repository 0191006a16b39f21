"""What DiscoveryClient sends, and what it makes of servers of every age and health."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from discovery.fakes import (
    JSON,
    V2BETA1,
    Answer,
    FakeServer,
    Handler,
    aggregated,
    group,
    legacy_groups,
    legacy_resource,
    legacy_resources,
    legacy_versions,
    resource,
    subresource,
    transcript,
    version,
    wants_aggregated,
)
from dynkube.discovery import APIGroup, Discovered, DiscoveryClient
from dynkube.discovery.client import PARALLEL_FETCHES
from dynkube.discovery.media_types import AGGREGATED
from dynkube.errors import ConnectFailedError, DiscoveryError, Forbidden, InvalidNameError, NotFound, ServiceUnavailable
from dynkube.names import GroupVersion, GroupVersionKind

if TYPE_CHECKING:
    from dynkube.transport import HTTPRequest

CORE = aggregated(group("", version("v1", resource("pods"), resource("nodes", scope="Cluster"))))
NONE = aggregated()
UNAVAILABLE = Answer(
    {"kind": "Status", "status": "Failure", "code": 503, "reason": "ServiceUnavailable", "message": "no endpoints"}, 503
)


def discover(**answers: Any) -> Discovered:
    """Discover a server that answers so to /api and /apis."""
    return DiscoveryClient(FakeServer({f"/{path}": answer for path, answer in answers.items()}).rest).discover()


def names(found: Discovered, group_version: str) -> list[str]:
    """Return the names of the resources of a group version."""
    return [entry.name for entry in found.resources[GroupVersion.parse(group_version)]]


def legacy_server() -> FakeServer:
    """Return a server that speaks the plain form only."""
    return FakeServer(
        {
            "/api": legacy_versions("v1"),
            "/apis": legacy_groups(apps=["v1", "v1beta1"], example_com=["v2"]),
            "/api/v1": legacy_resources(
                "v1", legacy_resource("pods", "Pod"), legacy_resource("nodes", "Node", namespaced=False)
            ),
            "/apis/apps/v1": legacy_resources(
                "apps/v1",
                legacy_resource("deployments", "Deployment"),
                legacy_resource("deployments/scale", "Scale", group="autoscaling", version="v1"),
            ),
            "/apis/apps/v1beta1": legacy_resources("apps/v1beta1", legacy_resource("deployments", "Deployment")),
            "/apis/example.com/v2": legacy_resources("example.com/v2", legacy_resource("widgets", "Widget")),
        }
    )


def test_what_is_sent_to_an_aggregated_server() -> None:
    """/api, then /apis, with the Accept header of the recorded exchange and nothing else."""
    server = FakeServer({"/api": CORE, "/apis": NONE})
    DiscoveryClient(server.rest).discover()
    assert [(request.method, request.target, request.headers, request.body) for request in server.requests] == [
        ("GET", "/api", (("Accept", AGGREGATED),), None),
        ("GET", "/apis", (("Accept", AGGREGATED),), None),
    ]


def test_what_is_sent_to_a_plain_server() -> None:
    """A server without aggregated discovery is asked for each group version once, in plain JSON."""
    server = legacy_server()
    found = DiscoveryClient(server.rest).discover()
    assert server.paths[:2] == ["/api", "/apis"]
    assert sorted(server.paths[2:]) == ["/api/v1", "/apis/apps/v1", "/apis/apps/v1beta1", "/apis/example.com/v2"]
    assert {dict(request.headers)["Accept"] for request in server.requests[2:]} == {JSON}
    assert list(map(str, found.resources)) == ["v1", "apps/v1", "apps/v1beta1", "example.com/v2"]
    assert found.failed == {}


def test_legacy_mode_never_asks_for_the_aggregated_form() -> None:
    """``aggregated=False`` asks for plain JSON from the start."""
    server = legacy_server()
    DiscoveryClient(server.rest, aggregated=False).discover()
    assert {dict(request.headers)["Accept"] for request in server.requests} == {JSON}


def test_v2beta1() -> None:
    """The older aggregated form, of servers 1.26 to 1.29, decodes like the newer."""
    entries = group("example.com", version("v1", resource("widgets", subresources=[subresource("status", "Widget")])))
    beta = discover(api=CORE, apis=aggregated(entries, content_type=V2BETA1))
    assert beta.resources == discover(api=CORE, apis=aggregated(entries)).resources
    assert names(beta, "example.com/v1") == ["widgets"]


@pytest.mark.parametrize("plain", ["/api", "/apis"])
def test_each_endpoint_may_fall_back_by_itself(plain: str) -> None:
    """One endpoint in the aggregated form and the other in the plain one make one complete result."""
    server = legacy_server()
    found = DiscoveryClient(server.rest).discover()
    if plain == "/api":
        apps = group("apps", *(version(v, resource("deployments")) for v in ("v1", "v1beta1")))
        server.answers["/apis"] = aggregated(apps, group("example.com", version("v2", resource("widgets"))))
    else:
        server.answers["/api"] = CORE
    server.requests.clear()
    mixed = DiscoveryClient(server.rest).discover()
    assert mixed.groups == found.groups
    assert list(mixed.resources) == list(found.resources)
    assert [path for path in server.paths if path.count("/") > 1] == (
        ["/api/v1"] if plain == "/api" else ["/apis/apps/v1", "/apis/apps/v1beta1", "/apis/example.com/v2"]
    )


def refusing(answer: Answer, plain: Answer) -> Handler:
    """Return a handler that refuses the aggregated form."""
    return lambda request: answer if wants_aggregated(request) else plain


@pytest.mark.parametrize("code", [403, 406])
def test_refusing_the_aggregated_form(code: int) -> None:
    """A server that answers 403 or 406 to the aggregated form is asked again for the plain one."""
    server = legacy_server()
    for path in ("/api", "/apis"):
        plain = server.answers[path]
        assert isinstance(plain, Answer)
        server.answers[path] = refusing(Answer({"kind": "Status", "status": "Failure", "code": code}, code), plain)
    found = DiscoveryClient(server.rest).discover()
    assert server.paths[:4] == ["/api", "/api", "/apis", "/apis"]
    assert names(found, "apps/v1") == ["deployments"]


def test_the_recorded_refusal_of_v2beta1() -> None:
    """The 406 a real 1.36 server gives to v2beta1 alone is one of those that are asked again."""
    server = transcript("discovery-aggregated")
    document = {"kind": "Status", "reason": "NotAcceptable", "code": 406, "status": "Failure"}
    plain = transcript("discovery-legacy").answers["/apis"]
    assert isinstance(plain, Answer)
    server.answers["/apis"] = refusing(Answer(document, 406), plain)
    assert len(DiscoveryClient(server.rest).groups()) == 21


def test_forbidden_in_every_form() -> None:
    """A caller who may not discover at all is told so."""
    with pytest.raises(Forbidden):
        discover(api=CORE, apis=Answer({"kind": "Status", "status": "Failure", "code": 403}, 403))


def test_a_server_without_the_core_group() -> None:
    """404 on /api is a server without a core group, as an aggregated API served by itself is."""
    found = discover(apis=aggregated(group("example.com", version("v1", resource("widgets")))))
    assert [entry.name for entry in found.groups] == ["example.com"]
    assert names(found, "example.com/v1") == ["widgets"]


def test_a_server_without_apis() -> None:
    """404 on /apis is no Kubernetes API server: the failure is raised."""
    with pytest.raises(NotFound):
        discover(api=CORE)


@pytest.mark.parametrize("path", ["api", "apis"])
def test_an_endpoint_that_fails(path: str) -> None:
    """Any other failure of /api or /apis fails discovery as a whole."""
    with pytest.raises(ServiceUnavailable):
        discover(**{"api": CORE, "apis": NONE, path: UNAVAILABLE})
    with pytest.raises(ConnectFailedError):
        discover(**{"api": CORE, "apis": NONE, path: ConnectFailedError("refused")})


def test_an_empty_cluster() -> None:
    """A server that serves nothing is a valid one, in both forms."""
    assert discover(api=NONE, apis=NONE) == Discovered((), {}, {})
    plain = discover(api=legacy_versions(), apis=legacy_groups())
    assert plain.groups == (APIGroup("", (), ""),)
    assert plain.resources == {}
    assert plain.preferred_resources() == ()


def test_stale_versions(caplog: pytest.LogCaptureFixture) -> None:
    """A Stale version is a failure and no version of its group; one warning names all failures."""
    found = discover(
        api=CORE,
        apis=aggregated(
            group("metrics.k8s.io", version("v1beta1", resource("pods"), freshness="Stale")),
            group("example.com", version("v2", freshness="Stale"), version("v1", resource("widgets"))),
        ),
    )
    assert found.groups[1:] == (APIGroup("metrics.k8s.io", (), ""), APIGroup("example.com", ("v1",), "v1"))
    assert list(map(str, found.failed)) == ["metrics.k8s.io/v1beta1", "example.com/v2"]
    assert all(isinstance(error, DiscoveryError) for error in found.failed.values())
    assert names(found, "example.com/v1") == ["widgets"]
    logged = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(logged) == 1
    assert "metrics.k8s.io/v1beta1" in logged[0].getMessage()
    assert "example.com/v2" in logged[0].getMessage()


def test_freshness_may_be_missing() -> None:
    """A version without freshness is a current one."""
    entry = version("v1", resource("widgets"))
    del entry["freshness"]
    assert names(discover(api=CORE, apis=aggregated(group("example.com", entry))), "example.com/v1") == ["widgets"]


def test_partial_failure_of_a_plain_server(caplog: pytest.LogCaptureFixture) -> None:
    """A group version that does not answer is a failure in the value; everything else is there, and one warning."""
    server = legacy_server()
    server.answers["/apis/example.com/v2"] = UNAVAILABLE
    server.answers["/apis/apps/v1beta1"] = ConnectFailedError("reset")
    found = DiscoveryClient(server.rest).discover()
    assert {str(gv): type(error) for gv, error in found.failed.items()} == {
        "apps/v1beta1": ConnectFailedError,
        "example.com/v2": ServiceUnavailable,
    }
    assert list(map(str, found.resources)) == ["v1", "apps/v1"]
    assert found.group("example.com") == APIGroup("example.com", ("v2",), "v2")
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1
    server.answers["/apis/example.com/v2"] = legacy_resources("example.com/v2", legacy_resource("widgets", "Widget"))
    assert names(DiscoveryClient(server.rest).discover(), "example.com/v2") == ["widgets"]


def test_core_v1_may_be_missing_from_a_plain_server() -> None:
    """404 for v1 alone is an empty list: servers without a core group announce one in old versions."""
    server = legacy_server()
    del server.answers["/api/v1"]
    found = DiscoveryClient(server.rest).discover()
    assert found.resources[GroupVersion("", "v1")] == ()
    assert found.failed == {}


def test_unexpected_exceptions_are_not_failures_of_a_group() -> None:
    """What is no failure of the server, a bug for instance, is raised and not turned into a value."""
    server = legacy_server()
    server.answers["/apis/apps/v1"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        DiscoveryClient(server.rest).discover()


def test_group_versions_are_fetched_in_parallel_and_bounded() -> None:
    """Many group versions are fetched several at a time, and never more than the bound at once."""
    full = threading.Barrier(PARALLEL_FETCHES)
    lock = threading.Lock()
    state = {"now": 0, "most": 0}
    count = 3 * PARALLEL_FETCHES

    def slow(request: HTTPRequest) -> Answer:
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
        # Passes only when as many requests as the bound allows are under way together.
        full.wait(timeout=30)
        with lock:
            state["now"] -= 1
        return legacy_resources(request.target.removeprefix("/apis/"), legacy_resource("widgets", "Widget"))

    server = FakeServer({"/api": NONE, "/apis": legacy_groups(**{f"g{n}_example": ["v1"] for n in range(count)})})
    server.answers.update({f"/apis/g{n}.example/v1": slow for n in range(count)})
    found = DiscoveryClient(server.rest).discover()
    assert len(found.resources) == count
    assert state["most"] == PARALLEL_FETCHES


def test_one_group_version() -> None:
    """`resources` asks for one group version, by text or by value, in one request."""
    server = legacy_server()
    client = DiscoveryClient(server.rest)
    (deployments,) = client.resources("apps/v1")
    assert server.paths == ["/apis/apps/v1"]
    assert [entry.name for entry in deployments.subresources] == ["deployments/scale"]
    assert deployments.subresources[0].gvk == GroupVersionKind("autoscaling", "v1", "Scale")
    assert [entry.name for entry in client.resources(GroupVersion("", "v1"))] == ["pods", "nodes"]
    with pytest.raises(NotFound):
        client.resources("apps/v9")
    with pytest.raises(InvalidNameError):
        client.resources("")
    with pytest.raises(InvalidNameError):
        client.resources(GroupVersion("../x", "v1"))


def test_groups_alone() -> None:
    """`groups` needs no more than the two endpoints, in either form."""
    server = legacy_server()
    assert DiscoveryClient(server.rest).groups() == (
        APIGroup("", ("v1",), "v1"),
        APIGroup("apps", ("v1", "v1beta1"), "v1"),
        APIGroup("example.com", ("v2",), "v2"),
    )
    assert server.paths == ["/api", "/apis"]


def test_the_same_object_while_nothing_changes() -> None:
    """While the server answers 304 the same value comes back, and a change of either endpoint is seen."""
    first = aggregated(group("example.com", version("v1", resource("widgets"))), etag='"a"')
    server = FakeServer({"/api": aggregated(group("", version("v1", resource("pods"))), etag='"c"'), "/apis": first})
    client = DiscoveryClient(server.rest)
    found = client.discover()
    assert client.discover() is found
    assert [dict(request.headers).get("If-None-Match") for request in server.requests] == [None, None, '"c"', '"a"']
    server.answers["/apis"] = aggregated(group("example.com", version("v1", resource("gadgets"))), etag='"b"')
    changed = client.discover()
    assert names(changed, "example.com/v1") == ["gadgets"]
    assert names(changed, "v1") == ["pods"]
    assert names(found, "example.com/v1") == ["widgets"]


def test_a_304_nobody_asked_for() -> None:
    """A 304 to a request without If-None-Match is an error, not an empty answer."""
    with pytest.raises(Exception, match="304"):
        discover(api=CORE, apis=Answer("", 304))


def test_preferred_resources() -> None:
    """Each resource once: in the preferred version, or where it exists; subresources are not listed by themselves."""
    apps = group(
        "apps", version("v1", resource("deployments")), version("v1beta1", resource("deployments"), resource("old"))
    )
    server = FakeServer({"/api": CORE, "/apis": aggregated(apps)})
    client = DiscoveryClient(server.rest)
    assert [(entry.name, entry.version) for entry in client.preferred_resources()] == [
        ("pods", "v1"),
        ("nodes", "v1"),
        ("deployments", "v1"),
        ("old", "v1beta1"),
    ]
    assert [entry.name for entry in client.namespaced_resources()] == ["pods", "deployments", "old"]


def test_preferred_version_of_a_plain_server() -> None:
    """The plain form names the preferred version, which need not be the first."""
    server = legacy_server()
    groups = legacy_groups(apps=["v1", "v1beta1"])
    groups.body["groups"][0]["preferredVersion"] = {"groupVersion": "apps/v1beta1", "version": "v1beta1"}
    server.answers["/apis"] = groups
    client = DiscoveryClient(server.rest)
    apps = client.discover().group("apps")
    assert apps == APIGroup("apps", ("v1", "v1beta1"), "v1beta1")
    assert [entry.version for entry in client.preferred_resources() if entry.group == "apps"] == ["v1beta1"]


def test_server_version() -> None:
    """The version document comes back as it is, whatever it holds."""
    server = FakeServer({"/version": Answer({"major": "foo", "minor": "bar", "gitCommit": "baz", "new": True})})
    client = DiscoveryClient(server.rest)
    assert client.server_version() == {"major": "foo", "minor": "bar", "gitCommit": "baz", "new": True}
    client.server_version()
    assert server.paths == ["/version", "/version"]


def test_nothing_is_sent_by_the_constructor() -> None:
    """Making a client asks nothing."""
    server = FakeServer({})
    DiscoveryClient(server.rest)
    assert server.paths == []


class TestStumbling:
    """A group version whose plain document is answered with a failure of the server, so and so many times."""

    @staticmethod
    def discover(failures: int, status: int = 500) -> tuple[Discovered, list[str]]:
        """Return what is found, and what was asked of the group version that stumbles."""
        asked: list[str] = []

        def stumble(request: HTTPRequest) -> Answer:
            asked.append(request.target)
            if len(asked) <= failures:
                return Answer({"kind": "Status", "code": status, "status": "Failure"}, status)
            return legacy_resources("example.com/v1", legacy_resource("widgets", "Widget"))

        server = FakeServer(
            {
                "/api": legacy_versions("v1"),
                "/api/v1": legacy_resources("v1", legacy_resource("pods", "Pod")),
                "/apis": legacy_groups(example_com=["v1"]),
                "/apis/example.com/v1": stumble,
            }
        )
        return DiscoveryClient(server.rest).discover(), asked

    def test_once(self) -> None:
        """What stumbles once is asked once more at once, by itself, and is no failure."""
        found, asked = self.discover(failures=1)
        assert not found.failed
        assert [entry.name for entry in found.preferred_resources()] == ["pods", "widgets"]
        assert asked == ["/apis/example.com/v1"] * 2

    def test_twice(self) -> None:
        """What stumbles twice is a failure until the next refresh; everything else is there."""
        found, asked = self.discover(failures=2)
        assert list(map(str, found.failed)) == ["example.com/v1"]
        assert [entry.name for entry in found.preferred_resources()] == ["pods"]
        assert len(asked) == 2

    @pytest.mark.parametrize("status", [403, 404, 410])
    def test_a_refusal_is_final(self, status: int) -> None:
        """A refusal is not asked again: it would be the same."""
        found, asked = self.discover(failures=9, status=status)
        assert list(map(str, found.failed)) == ["example.com/v1"]
        assert len(asked) == 1


def test_only_stale_versions_never_make_a_preferred_one() -> None:
    """The preferred version of the aggregated form is the first that is not stale; a resource is found there."""
    stale = version("v2", resource("widgets"), freshness="Stale")
    server = FakeServer(
        {"/api": NONE, "/apis": aggregated(group("example.com", stale, version("v1", resource("widgets"))))}
    )
    found = DiscoveryClient(server.rest).discover()
    assert found.groups == (APIGroup("example.com", ("v1",), "v1"),)
    assert [entry.gvr.version for entry in found.preferred_resources()] == ["v1"]


def test_namespaced_resources() -> None:
    """Of the preferred resources those are namespaced that say so, whatever other versions say."""
    api = aggregated(group("", version("v1", resource("pods"), resource("nodes", scope="Cluster"))))
    apis = aggregated(
        group(
            "batch",
            version("v1", resource("jobs")),
            version(
                "v1beta1", resource("jobs", scope="Cluster"), resource("queues"), resource("tiers", scope="Cluster")
            ),
        )
    )
    client = DiscoveryClient(FakeServer({"/api": api, "/apis": apis}).rest)
    assert [str(entry.gvr.group_resource) for entry in client.namespaced_resources()] == [
        "pods",
        "jobs.batch",
        "queues.batch",
    ]


def test_resources_by_verb() -> None:
    """A resource offers all of the verbs asked about or not; no verbs at all are always offered."""
    entries = aggregated(
        group("", version("v1", resource("pods", verbs=["get", "list"]), resource("bindings", verbs=["create"])))
    )
    pods, bindings = DiscoveryClient(FakeServer({"/api": entries, "/apis": NONE}).rest).preferred_resources()
    assert pods.supports("get", "list")
    assert not pods.supports("get", "delete")
    assert not bindings.supports("list")
    assert bindings.supports()
