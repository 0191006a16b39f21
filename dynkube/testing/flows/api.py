"""From an HTTP request to its answer: authenticate, authorize, route to the flow that does it, word what goes wrong."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from dynkube.testing.access import authentication, reviews
from dynkube.testing.access.authorization import Authorizer, attributes_of
from dynkube.testing.flows import deleting, patching, reading, subresources, watching, writing
from dynkube.testing.flows.cluster import Call
from dynkube.testing.http import failures, negotiation, routing
from dynkube.testing.http.answers import ListAnswer, ObjectAnswer, compressed, render, warning_headers
from dynkube.testing.http.connections import Headers, HTTPResponse
from dynkube.testing.http.failures import Failure
from dynkube.testing.objects import protobuf
from dynkube.testing.resources import documents, openapi_v2
from dynkube.testing.resources.crds import CustomResources
from dynkube.testing.resources.openapi import OpenAPI

if TYPE_CHECKING:
    from dynkube.testing.flows.cluster import Cluster
    from dynkube.testing.http.connections import HTTPRequest
    from dynkube.testing.http.routing import Route
    from dynkube.testing.resources.registry import Resource

logger = logging.getLogger("dynkube.testing.api")

_TEXT = "text/plain; charset=utf-8"
_HEALTH = ("/healthz", "/livez", "/readyz")
_NOT_ACCEPTABLE = 406
_INDEX = ("/", "/index.html")


def plain(status: int, text: str) -> HTTPResponse:
    """Return an answer of plain text, as Go's own handlers give."""
    return HTTPResponse(status, {"Content-Type": _TEXT, "X-Content-Type-Options": "nosniff"}, text.encode())


def page_not_found() -> HTTPResponse:
    """Return what paths outside of everything served are told."""
    return plain(404, "404 page not found\n")


class API:
    """Answers requests about one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.crds = CustomResources(cluster)
        self.authorizer = Authorizer(cluster)
        self._aggregated = documents.AggregatedDocuments(cluster.registry)
        self._openapi = OpenAPI(cluster)

    def __call__(self, request: HTTPRequest) -> HTTPResponse:
        """Answer one request; never raises."""
        try:
            response = self._answer(request, routing.parse(request.method, request.target))
        except Failure as failure:
            response = failed(failure, request)
        except Exception as error:
            # A bug of this server: say so as the real one would, and leave the trace in the log.
            logger.exception("%s %s", request.method, request.target)
            response = failed(failures.internal(f"{type(error).__name__}: {error}"), request)
        response.headers.setdefault("Cache-Control", "no-cache, private")
        return response

    def _answer(self, request: HTTPRequest, route: Route) -> HTTPResponse:
        user = self.cluster.authenticator.authenticate(request.headers)
        wanted = authentication.impersonated(request.headers)
        if wanted is not None:
            self.authorizer.check_impersonation(user, wanted, request.headers)
            user = wanted
        call = Call(cluster=self.cluster, request=_in_json(request), route=route, user=user)
        try:
            self.authorizer.check(attributes_of(user, route))
            if not route.resource:
                return self._document(call)
            resource = self._resource(route)
            return page_not_found() if resource is None else self._about(call, resource)
        except Failure as failure:
            failure.warnings = call.warnings
            raise

    def _about(self, call: Call, resource: Resource) -> HTTPResponse:
        """Answer a request about a resource. Raises a 4xx Failure."""
        accept = call.header("accept")
        if not resource.custom:
            produced = negotiation.MEDIA_TYPES if call.route.name else negotiation.COLLECTION_TYPES
            negotiation.check_route(accept, produced)
        call.representation = negotiation.choose(accept, pretty=_pretty(call.request))
        if resource.deprecation:
            call.warnings.append(resource.deprecation)
        try:
            answer = self._flow(call, resource)
        finally:
            self.crds.settle()
        return answer if isinstance(answer, HTTPResponse) else render(call, answer)

    def _resource(self, route: Route) -> Resource | None:
        """Return the resource a path names; None when the path leads nowhere. Raises a 4xx Failure."""
        registry = self.cluster.registry
        found = registry.find(route.group, route.version, route.resource)
        if found is None:
            if not registry.builtin_group(route.group):
                return None
            raise failures.no_such_resource()
        if route.in_namespace and not found.namespaced:
            if found.custom:
                return None
            raise failures.no_such_resource()
        everywhere = route.verb in ("list", "watch") and not found.virtual
        if found.namespaced and not route.in_namespace and not everywhere:
            if found.custom:
                return None
            # What is only ever POSTed to a namespace has no route without one.
            gone = route.name or found.virtual
            raise failures.no_such_resource() if gone else failures.method_not_allowed()
        return found

    def _flow(self, call: Call, resource: Resource) -> ObjectAnswer | ListAnswer | HTTPResponse:
        route = call.route
        if route.subresource:
            sub = resource.subresources.get(route.subresource)
            if sub is None:
                if resource.custom:
                    raise failures.not_found(resource.group, resource.name, route.name)
                raise failures.no_such_resource()
            if route.verb not in sub.verbs:
                raise _not_supported(route, resource)
            return subresources.handle(call, resource, sub)
        nameless = route.verb in ("update", "patch") and not route.name
        if nameless and resource.custom:
            raise failures.bad_request("name must be provided")
        # HEAD has no route of its own for built-in kinds; those of CRDs are served by verb, and HEAD counts as get.
        headless = route.method == "HEAD" and not resource.custom
        if route.verb not in resource.verbs or nameless or headless:
            raise _not_supported(route, resource)
        if resource.virtual:
            return self._virtual(call, resource)
        return self._verb(call, resource)

    def _virtual(self, call: Call, resource: Resource) -> ObjectAnswer | HTTPResponse:
        if resource.collection != ("", "bindings"):
            return reviews.create(call, resource, self.authorizer)
        pods = self.cluster.resource("", "v1", "pods")
        return subresources.bind(call, pods)

    def _verb(self, call: Call, resource: Resource) -> ObjectAnswer | ListAnswer | HTTPResponse:
        verb = call.route.verb
        if verb == "get":
            return reading.get(call, resource)
        if verb == "list":
            return reading.list_objects(call, resource)
        if verb == "watch":
            return watching.watch(call, resource)
        if verb == "create":
            return writing.create(call, resource)
        if verb == "update":
            return writing.update(call, resource)
        if verb == "patch":
            return patching.patch(call, resource)
        if verb == "delete":
            return deleting.delete(call, resource)
        return deleting.delete_collection(call, resource)

    # Everything outside the resource tree.

    def _document(self, call: Call) -> HTTPResponse:
        path = call.route.path
        if _is_discovery(path):
            return self._discovery(call, path.rstrip("/")) or self._unknown(call)
        if path.rstrip("/") == "/version":
            return self._version(call)
        if path in _HEALTH or path.startswith(tuple(f"{health}/" for health in _HEALTH)):
            return self._health(call, path)
        if path == "/openapi/v3":
            body = negotiation.encode_json(self._openapi.index())
            return compressed(call, HTTPResponse(200, {"Content-Type": _TEXT}, body))
        if path == "/openapi/v2":
            return self._openapi_v2(call)
        if path.startswith("/openapi/v3/"):
            return self._openapi_document(call, path.removeprefix("/openapi/v3/"))
        if path in _INDEX:
            return self._plain_json(call, {"paths": self._paths()})
        return page_not_found()

    def _version(self, call: Call) -> HTTPResponse:
        if call.route.method != "GET":
            raise failures.method_not_allowed()
        negotiation.check_route(call.header("accept"), (negotiation.JSON,))
        return self._plain_json(call, self.cluster.registry.server_version)

    def _paths(self) -> list[str]:
        groups = self.cluster.registry.groups()
        paths = {"/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"}
        for group, versions in groups.items():
            if group:
                paths.add(f"/apis/{group}")
            paths |= {f"/apis/{group}/{version}" if group else f"/api/{version}" for version in versions}
        return sorted(paths)

    def _plain_json(self, call: Call, document: object) -> HTTPResponse:
        return compressed(
            call, HTTPResponse(200, {"Content-Type": "application/json"}, negotiation.encode_pretty(document))
        )

    def _health(self, call: Call, path: str) -> HTTPResponse:
        parts = path.split("/")
        checks = self.cluster.registry.checks
        if len(parts) > 2:
            known = "/".join(parts[2:]) in checks
            return HTTPResponse(200, {"Content-Type": _TEXT}, b"ok") if known else page_not_found()
        if "verbose" not in call.route.query:
            return plain(200, "ok")
        excluded = set(call.route.query.all("exclude"))
        lines = [f"[+]{check} {'excluded: ok' if check in excluded else 'ok'}" for check in checks]
        return plain(200, "\n".join([*lines, f"{parts[1]} check passed\n"]))

    def _openapi_v2(self, call: Call) -> HTTPResponse:
        """Answer in gnostic's protobuf if the client asks for it, else in JSON, as kube-apiserver does."""
        asked = "com.github.proto-openapi.spec.v2" in call.header("accept")
        kind = openapi_v2.PROTOBUF if asked else negotiation.JSON
        body = self._openapi.version_2(protobuf=asked)
        headers = {"Content-Type": kind, "Vary": "Accept", "Etag": f'"{hashlib.sha512(body).hexdigest().upper()}"'}
        if call.header("if-none-match") == headers["Etag"]:
            return HTTPResponse(304, headers)
        return compressed(call, HTTPResponse(200, headers, body))

    def _openapi_document(self, call: Call, path: str) -> HTTPResponse:
        found = self._openapi.document(path)
        if found is None:
            return HTTPResponse(404)
        body, digest = found
        headers = {"Content-Type": "application/json", "Etag": f'"{digest}"', "Vary": "Accept"}
        if call.header("if-none-match") == headers["Etag"]:
            return HTTPResponse(304, headers)
        if call.route.query.get("hash") == digest:
            headers["Cache-Control"] = "public, immutable"
        return compressed(call, HTTPResponse(200, headers, body))

    def _unknown(self, call: Call) -> HTTPResponse:
        if call.route.version and self.cluster.registry.builtin_group(call.route.group):
            raise failures.no_such_resource()
        return page_not_found()

    def _discovery(self, call: Call, path: str) -> HTTPResponse | None:
        """Return the discovery document of a path, None when nothing is served there. Raises a 406 Failure."""
        registry, accept = self.cluster.registry, call.header("accept")
        route = call.route
        pretty = _pretty(call.request)
        if path in ("/api", "/apis"):
            # /apis is served by a handler of its own, which takes every method; /api is a route as any other.
            self._check_document(call, every_method=path == "/apis", transformed=True)
            form, whole = negotiation.choose_document(accept, aggregated=True, pretty=pretty)
            if whole:
                return self._aggregated_document(call, core=path == "/api")
            document = documents.api_versions(self.cluster.address) if path == "/api" else None
            return _document(call, form, document or documents.api_group_list(registry))
        if route.version:
            if not registry.has_group_version(route.group, route.version):
                return None
            self._check_document(call)
            form, _ = negotiation.choose_document(accept, pretty=pretty)
            return _document(call, form, documents.api_resource_list(registry, route.group, route.version))
        group = documents.api_group(registry, route.group)
        if group is None:
            return None
        self._check_document(call, every_method=True)
        form, _ = negotiation.choose_document(accept, pretty=pretty)
        return _document(call, form, group)

    @staticmethod
    def _check_document(call: Call, *, every_method: bool = False, transformed: bool = False) -> None:
        """Raise the 405 or 406 Failure of a discovery document's route."""
        if every_method:
            return
        if call.route.method != "GET":
            raise failures.method_not_allowed()
        if not transformed or "apidiscovery.k8s.io" not in call.header("accept"):
            negotiation.check_route(call.header("accept"), negotiation.MEDIA_TYPES)

    def _aggregated_document(self, call: Call, *, core: bool) -> HTTPResponse:
        body, etag = self._aggregated.get(core=core)
        headers = {"Content-Type": negotiation.AGGREGATED, "Etag": etag, "Vary": "Accept", "Cache-Control": "public"}
        if call.header("if-none-match") == etag:
            return HTTPResponse(304, headers)
        return compressed(call, HTTPResponse(200, headers, body))


def _in_json(request: HTTPRequest) -> HTTPRequest:
    """Return a request with a protobuf body as one with the JSON it stands for. Raises a 400 Failure."""
    if not request.body or request.headers.get("content-type").split(";")[0].strip() != negotiation.PROTOBUF:
        return request
    pairs = [(name, value) for name, value in request.headers.items() if name != "content-type"]
    headers = Headers([*pairs, ("content-type", negotiation.JSON)])
    return replace(request, headers=headers, body=protobuf.to_json(request.body))


def _is_discovery(path: str) -> bool:
    return path in ("/api", "/apis") or path.startswith(("/api/", "/apis/"))


def _document(call: Call, form: negotiation.Representation, document: dict[str, object]) -> HTTPResponse:
    headers = {"Content-Type": form.media_type, "Cache-Control": "no-cache, private"}
    return compressed(call, HTTPResponse(200, headers, form.encode(document)))


def _pretty(request: HTTPRequest) -> bool:
    """Tell whether JSON is to be indented for whoever sent the request."""
    query = routing.query_of(request.target)
    parameter = query.get("pretty") if "pretty" in query else None
    return negotiation.wants_pretty(request.headers.get("user-agent"), parameter)


def _not_supported(route: Route, resource: Resource) -> Failure:
    """Return the 405 Failure of a method; custom resources name the verb, "" for methods that are none."""
    if not resource.custom:
        return failures.method_not_allowed()
    verb = route.verb if route.verb in resource.verbs else ""
    message = f'{verb} is not supported on resources of kind "{failures.qualified(resource.group, resource.name)}"'
    return Failure("MethodNotAllowed", message, details={"group": resource.group, "kind": resource.name})


def failed(failure: Failure, request: HTTPRequest) -> HTTPResponse:
    """Return the answer that carries a failure's Status."""
    form = negotiation.for_failures(request.headers.get("accept"), pretty=_pretty(request))
    if failure.code == _NOT_ACCEPTABLE:
        # A Status nobody can be told in the form they want is written for people.
        form = replace(form, pretty=True)
    body = form.encode(failure.status)
    headers = {"Content-Type": form.media_type, **failure.headers}
    return HTTPResponse(failure.code, headers, body, warnings=warning_headers(failure.warnings))
