"""The exception tree, and how answers of a server become exceptions."""

from __future__ import annotations

import inspect
import json
import pickle
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from dynkube import errors

TRANSCRIPTS = Path(__file__).parent.parent / "fixtures" / "transcripts"


def failure(**fields: Any) -> dict[str, Any]:
    """Return a failure Status with these fields."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", **fields}


def recorded_failures() -> list[tuple[str, str, int, dict[str, Any]]]:
    """Return every failure a real server was recorded to answer: where, method, code, Status."""
    found = []
    for path in sorted(TRANSCRIPTS.glob("*.jsonl")):
        for number, line in enumerate(path.read_text().splitlines()[1:], start=2):
            step = json.loads(line)
            body = step.get("response", {}).get("body")
            if isinstance(body, dict) and body.get("kind") == "Status" and body.get("status") == "Failure":
                found.append((f"{path.stem}:{number}", step["request"]["method"], step["response"]["status"], body))
    return found


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (errors.NoConfigError, errors.ConfigError),
        (errors.InvalidRequestError, ValueError),
        (errors.InvalidNameError, errors.InvalidRequestError),
        (errors.InvalidSelectorError, errors.InvalidRequestError),
        (errors.NamespaceRequiredError, errors.InvalidRequestError),
        (errors.NamespaceNotAllowedError, errors.InvalidRequestError),
        (errors.BodyMismatchError, errors.InvalidRequestError),
        (errors.UnsupportedVerbError, errors.InvalidRequestError),
        (errors.ManifestError, errors.InvalidRequestError),
        (errors.MappingError, LookupError),
        (errors.NoMatchError, errors.MappingError),
        (errors.AmbiguousError, errors.MappingError),
        (errors.AuthenticationError, errors.TransportError),
        (errors.ConnectFailedError, errors.TransportError),
        (errors.ClientClosedError, errors.ConnectFailedError),
        (errors.TLSError, errors.TransportError),
        (errors.RequestTimeoutError, errors.TransportError),
        (errors.RequestTimeoutError, TimeoutError),
        (errors.ResponseError, errors.TransportError),
        (errors.WaitTimeoutError, TimeoutError),
        (errors.Expired, errors.Gone),
    ],
)
def test_class_can_be_caught_by_its_base(cls: type[Exception], base: type[Exception]) -> None:
    """Each class stands where the tree draws it."""
    assert issubclass(cls, base)


def test_one_base_catches_everything() -> None:
    """Every exception class of the module descends from DynkubeError and is drawn in the tree."""
    drawn = errors.__doc__ or ""
    for name, cls in inspect.getmembers(errors, inspect.isclass):
        if issubclass(cls, Exception):
            assert issubclass(cls, errors.DynkubeError)
            assert name in drawn


@pytest.mark.parametrize("reason", sorted(errors.REASONS))
def test_class_follows_the_reason(reason: str) -> None:
    """A known reason decides the class, whatever the code says."""
    error = errors.status_error(failure(reason=reason, code=418), method="GET", url="https://h/x", code=418)
    assert type(error) is errors.REASONS[reason]
    assert type(error).__name__ == reason


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        (400, errors.BadRequest),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (405, errors.MethodNotAllowed),
        (406, errors.NotAcceptable),
        (409, errors.Conflict),
        (410, errors.Gone),
        (413, errors.RequestEntityTooLarge),
        (415, errors.UnsupportedMediaType),
        (422, errors.Invalid),
        (429, errors.TooManyRequests),
        (500, errors.InternalError),
        (502, errors.InternalError),
        (503, errors.ServiceUnavailable),
        (504, errors.Timeout),
        (418, errors.StatusError),
        (304, errors.StatusError),
    ],
)
@pytest.mark.parametrize("reason", ["", "SomethingNew"])
def test_class_follows_the_code_where_the_reason_is_unknown(
    code: int, cls: type[errors.StatusError], reason: str
) -> None:
    """An empty or unknown reason leaves the decision to the HTTP code."""
    error = errors.status_error(failure(reason=reason), method="GET", url="https://h/x", code=code)
    assert type(error) is cls
    assert error.reason == reason
    assert error.code == code


def test_status_error_carries_everything_the_server_said() -> None:
    """Method, URL, code, reason, message, details, causes and the Status itself are attributes."""
    status = failure(
        reason="Conflict",
        message="someone else",
        code=409,
        details={
            "name": "web",
            "kind": "deployments",
            "causes": [{"reason": "FieldManagerConflict", "field": ".spec"}],
        },
    )
    error = errors.status_error(status, method="PATCH", url="https://h/apis/apps/v1", code=409)
    assert (error.method, error.url, error.code, error.reason) == ("PATCH", "https://h/apis/apps/v1", 409, "Conflict")
    assert error.message == "someone else"
    assert error.details["name"] == "web"
    assert error.causes == [{"reason": "FieldManagerConflict", "field": ".spec"}]
    assert error.has_cause("FieldManagerConflict")
    assert not error.has_cause("FieldValueInvalid")
    assert error.status == status
    assert str(error) == "PATCH https://h/apis/apps/v1: 409 Conflict: someone else"


def test_code_of_the_status_stands_in_for_a_missing_http_code() -> None:
    """An ERROR event of a watch has no HTTP code of its own; the one in the Status decides."""
    error = errors.status_error(failure(reason="Expired", code=410), method="GET", url="https://h/x", code=0)
    assert isinstance(error, errors.Gone)
    assert error.code == 410


def test_invalid_prints_one_cause_a_line() -> None:
    """The causes of a 422 are listed line by line under the headline, not run together."""
    status = failure(
        reason="Invalid",
        message='Deployment.apps "web" is invalid: [spec.replicas: negative, spec.x: required]',
        details={
            "causes": [
                {"reason": "FieldValueInvalid", "message": "Invalid value: -1: negative", "field": "spec.replicas"},
                {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.x"},
                {"reason": "Other", "message": "no field"},
            ]
        },
    )
    error = errors.status_error(status, method="PUT", url="https://h/x", code=422)
    assert str(error).splitlines() == [
        'PUT https://h/x: 422 Invalid: Deployment.apps "web" is invalid',
        "  spec.replicas: Invalid value: -1: negative",
        "  spec.x: Required value",
        "  no field",
    ]


def test_invalid_without_causes_prints_its_message() -> None:
    """A 422 with nothing but a message shows it."""
    error = errors.status_error(failure(reason="Invalid", message="patch: bad"), method="PUT", url="u", code=422)
    assert str(error).endswith("422 Invalid: patch: bad")


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (failure(details={"retryAfterSeconds": 7}), {"Retry-After": "3"}, 7.0),
        (failure(), {"retry-after": "3"}, 3.0),
        (failure(), {"Retry-After": "soon"}, None),
        (failure(), {}, None),
        (failure(details={"retryAfterSeconds": 0}), {}, None),
        (failure(reason="ServerTimeout"), {}, 0.0),
        (failure(details={"retryAfterSeconds": "7"}), {}, None),
        (failure(details=None), {}, None),
        (failure(details=[1]), {}, None),
    ],
)
def test_retry_after_comes_from_the_body_then_the_header(
    status: dict[str, Any], headers: dict[str, str], expected: float | None
) -> None:
    """The Status is more precise than the header and wins; nonsense counts as nothing said."""
    assert errors.status_error(status, method="GET", url="u", code=429, headers=headers).retry_after == expected


def test_retry_after_may_be_a_date() -> None:
    """An HTTP date is the seconds from now until then, and never negative."""
    now = datetime.now(timezone.utc)
    later = errors.parse_retry_after(format_datetime(now + timedelta(seconds=90), usegmt=True))
    assert later is not None
    assert 60 < later <= 90
    assert errors.parse_retry_after(format_datetime(now - timedelta(hours=1), usegmt=True)) == 0.0


@pytest.mark.parametrize("value", [None, "", "-5", "1.5", "tomorrow", "99 Foo 2026"])
def test_retry_after_ignores_what_is_no_delay(value: str | None) -> None:
    """What neither form describes asks for nothing."""
    assert errors.parse_retry_after(value) is None


def test_response_with_a_status_body_is_taken_as_it_is() -> None:
    """A failure Status in the body replaces the generic one, its reason included."""
    body = json.dumps(failure(reason="AlreadyExists", message="there", code=409)).encode()
    error = errors.response_error(
        method="POST", url="https://h/x", code=409, headers={"Content-Type": "application/json"}, body=body
    )
    assert isinstance(error, errors.AlreadyExists)
    assert error.message == "there"


@pytest.mark.parametrize(
    ("code", "method", "reason"),
    [
        (400, "GET", "BadRequest"),
        (401, "GET", "Unauthorized"),
        (403, "GET", "Forbidden"),
        (404, "GET", "NotFound"),
        (405, "GET", "MethodNotAllowed"),
        (406, "GET", "NotAcceptable"),
        (409, "POST", "AlreadyExists"),
        (409, "PUT", "Conflict"),
        (410, "GET", ""),
        (413, "POST", ""),
        (415, "PATCH", "UnsupportedMediaType"),
        (422, "POST", "Invalid"),
        (429, "GET", "TooManyRequests"),
        (500, "GET", "InternalError"),
        (502, "GET", "InternalError"),
        (503, "GET", "ServiceUnavailable"),
        (504, "GET", "Timeout"),
        (302, "GET", ""),
    ],
)
def test_generic_status_has_the_reason_of_its_code(code: int, method: str, reason: str) -> None:
    """An answer without a Status gets the reason client-go gives that code, and the text as a cause."""
    error = errors.response_error(
        method=method,
        url="https://h/x",
        code=code,
        headers={"content-type": "text/plain; charset=utf-8"},
        body=b" no \n",
    )
    assert error.reason == reason
    assert error.code == code
    assert error.causes == [{"reason": "UnexpectedServerResponse", "message": "no"}]
    assert error.message


def test_gone_and_too_large_are_classed_by_code_without_a_reason() -> None:
    """410 and 413 have no reason in a generic Status, yet the right class."""
    for code, cls in ((410, errors.Gone), (413, errors.RequestEntityTooLarge)):
        assert type(errors.response_error(method="GET", url="u", code=code, headers={}, body=b"")) is cls


@pytest.mark.parametrize(
    ("headers", "body", "text"),
    [
        ({}, b"plain", "plain"),
        ({"Content-Type": "text/html"}, b"<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>"),
        ({"Content-Type": "application/octet-stream"}, b"\x00\x01", "unknown"),
        ({"Content-Type": "application/json"}, b'{"kind": "Pod"}', "unknown"),
        ({"Content-Type": "application/json"}, b'{"kind": "Status", "status": "Success"}', "unknown"),
        ({"Content-Type": "text/plain"}, b"", "unknown"),
        ({"Content-Type": "text/plain"}, b"\xff\xfe", "\ufffd\ufffd"),
        ({"Content-Type": "text/plain"}, b"{broken", "{broken"),
        ({"Content-Type": "text/plain"}, b"x" * 5000, "x" * 2048),
    ],
)
def test_generic_status_keeps_text_only(headers: dict[str, str], body: bytes, text: str) -> None:
    """Text is kept, cut at 2048 bytes; anything else is "unknown"."""
    error = errors.response_error(method="GET", url="u", code=500, headers=headers, body=body)
    assert error.causes[0]["message"] == text


def test_generic_status_keeps_the_delay_of_the_header() -> None:
    """Retry-After of an answer without a Status lands in the details and the attribute."""
    error = errors.response_error(method="GET", url="u", code=429, headers={"Retry-After": "5"}, body=b"busy")
    assert error.details["retryAfterSeconds"] == 5
    assert error.retry_after == 5.0


def test_forbidden_text_is_the_message() -> None:
    """A proxy's words on a 403 reach the caller."""
    error = errors.response_error(method="GET", url="u", code=403, headers={}, body=b"blocked by policy")
    assert error.message == "blocked by policy"


def test_deeply_nested_body_is_no_status() -> None:
    """A hostile body cannot break the error path."""
    error = errors.response_error(method="GET", url="u", code=500, headers={}, body=b'{"a":' * 100_000)
    assert isinstance(error, errors.InternalError)


@pytest.mark.parametrize(("place", "method", "code", "status"), recorded_failures())
def test_recorded_failures_become_the_class_of_their_reason(
    place: str, method: str, code: int, status: dict[str, Any]
) -> None:
    """Every failure a real server was recorded to answer becomes an exception that says the same."""
    error = errors.response_error(
        method=method,
        url="https://h/x",
        code=code,
        headers={"Content-Type": "application/json"},
        body=json.dumps(status).encode(),
    )
    assert error.reason == status.get("reason", ""), place
    assert type(error) is errors.REASONS.get(error.reason, errors.InternalError), place
    assert error.message == status.get("message", "")
    assert error.code == code


def test_transport_errors_name_the_request() -> None:
    """Method and URL are in the text and in attributes."""
    error = errors.ConnectFailedError("refused", method="GET", url="https://h:1/x")
    assert str(error) == "GET https://h:1/x: refused"
    assert (error.method, error.url) == ("GET", "https://h:1/x")
    assert str(errors.TLSError("no trust")) == "no trust"


def test_user_information_in_a_url_is_masked() -> None:
    """A password in a URL never reaches a message or attribute; an @ elsewhere is left alone."""
    for error in (
        errors.TransportError("x", method="GET", url="https://u:secret@h/a"),
        errors.status_error(failure(), method="GET", url="https://u:secret@h/a", code=404),
    ):
        assert "secret" not in str(error) + error.url + repr(error)
    assert errors.mask_url("https://h/a@b") == "https://h/a@b"


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigError("bad", path="/k", problems=["a", "b"]),
        errors.ManifestError("bad", file="f.yaml", document=2, line=7),
        errors.NoMatchError("no", candidates=["a"]),
        errors.DiscoveryError("no", group_version="x/v1"),
        errors.AuthenticationError("no", command="aws", exit_code=3, stderr="oops"),
        errors.RequestTimeoutError("slow", method="GET", url="https://h/x"),
        errors.ResponseError("html", method="GET", url="https://h/x", code=302, location="https://i/"),
        errors.WaitTimeoutError("late", last_object={"kind": "Pod"}),
        errors.WaitFailedError("failed", last_object={"kind": "Pod"}, condition="Failed"),
        errors.status_error(failure(reason="Expired", message="old"), method="GET", url="https://h/x", code=410),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_survive_pickling(error: errors.DynkubeError) -> None:
    """Text and attributes are the same after a trip through a process pool."""
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_config_error_without_problems_has_its_message_as_the_only_one() -> None:
    """Callers can always iterate over problems."""
    assert errors.ConfigError("bad").problems == ("bad",)


def test_manifest_error_says_where() -> None:
    """File, document and line lead the message, as far as they are known."""
    assert str(errors.ManifestError("bad", file="f.yaml", document=2, line=7)) == "f.yaml, document 2, line 7: bad"
    assert str(errors.ManifestError("bad")) == "bad"


PAGE = b"""<!DOCTYPE html><html><head><title>502 Bad Gateway</title><style>body { color: red }</style></head>
<!-- a padding to disable MSIE --><body><h1>502 Bad Gateway</h1><hr><center>nginx &amp; co</center></body></html>"""


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "text/plain", ""])
def test_a_web_page_is_told_from_the_api_server(content_type: str) -> None:
    """The page of a load balancer is named as one and only its words are quoted; class and cause stay."""
    headers = {"Content-Type": content_type} if content_type else {}
    error = errors.response_error(method="GET", url="https://x/api", code=502, headers=headers, body=PAGE)
    assert type(error) is errors.InternalError
    assert error.message == (
        "not the API server but something before it answered, with a web page: "
        "'502 Bad Gateway 502 Bad Gateway nginx & co'"
    )
    assert error.has_cause("UnexpectedServerResponse")


def test_a_long_or_empty_web_page_is_cut_short() -> None:
    """A page of many words is cut, one without any is called blank."""
    long = errors.response_error(method="GET", url="", code=503, headers={}, body=b"<p>" + b"word " * 300)
    assert isinstance(long, errors.ServiceUnavailable)
    assert len(long.message) < 300
    blank = errors.response_error(method="GET", url="", code=404, headers={}, body=b"<html><script>x()")
    assert isinstance(blank, errors.NotFound)
    assert blank.message.endswith("with a web page: blank")


def test_a_hint_follows_the_servers_words() -> None:
    """What the client knows and the server does not say stands in brackets behind its message, pickled too."""
    error = errors.response_error(
        method="GET", url="https://x", code=401, headers={}, body=b"", hint="sent: bearer token"
    )
    assert str(error).endswith(" (sent: bearer token)")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
