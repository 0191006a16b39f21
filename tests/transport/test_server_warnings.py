"""Warning headers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from dynkube.transport import HTTPRequest, Transport
from dynkube.transport.server_warnings import LogOnce, parse_warnings
from transport.servers import answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport.servers import Server


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ('299 - "a is deprecated"', ["a is deprecated"]),
        ('299 kube "one", 299 kube "two"', ["one", "two"]),
        ('299 - "one, with comma",299 - "two"', ["one, with comma", "two"]),
        (r'299 - "say \"hi\" \\ back"', [r'say "hi" \ back']),
        ('299 - "old" "Wed, 21 Oct 2015 07:28:00 GMT"', ["old"]),
        ('299 - "good", nonsense, 299 - "lost"', ["good"]),
        ('299 - "unclosed', []),
        ("", []),
        ("99 - x", []),
        ('299 - "grÃ¶Ã\x9fer"', ["größer"]),
        ('299 - "=?utf-8?q?caf=C3=A9?="', ["café"]),
        ('299 - "bell\x07", 299 - "fine"', ["fine"]),
        ('299 - "\xff\xfe"', []),
    ],
)
def test_headers_are_parsed(header: str, texts: list[str]) -> None:
    """Quoting, several entries, dates, encodings and nonsense are read as RFC 7234 and client-go do."""
    assert [warning.text for warning in parse_warnings([header])] == texts


def test_an_error_ends_its_own_header_only() -> None:
    """What follows nonsense in one header is lost; other headers are not."""
    assert [warning.text for warning in parse_warnings(["nonsense", '299 - "kept"'])] == ["kept"]


def test_each_text_is_logged_once(
    serve: Callable[..., Server], connect: Callable[..., Transport], caplog: pytest.LogCaptureFixture
) -> None:
    """By default a warning is logged the first time and not again, on errors as on successes."""
    header = [("Warning", '299 - "v1beta1 is deprecated"'), ("Warning", '199 - "not for you"')]
    client = connect(serve(answer(b"", 404, header)))
    with caplog.at_level(logging.WARNING, "dynkube.transport"):
        for _ in range(3):
            client.send(HTTPRequest("GET", "/api"))
    assert caplog.messages == ["the API server warns: v1beta1 is deprecated"]


def test_a_handler_gets_every_text(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """A handler of one's own is called for each warning each time, and may fail without harm."""
    seen: list[str] = []

    def handler(text: str) -> None:
        seen.append(text)
        raise RuntimeError("not your concern")

    client = connect(serve(answer(b"{}", 200, [("Warning", '299 - "a", 299 - "b"')])), warning_handler=handler)
    assert client.send(HTTPRequest("GET", "/api")).status == 200
    assert client.send(HTTPRequest("GET", "/api")).status == 200
    assert seen == ["a", "b", "a", "b"]


def test_the_memory_for_texts_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """A server that makes up texts without end does not fill the client's memory."""
    handler = LogOnce()
    with caplog.at_level(logging.CRITICAL, "dynkube.transport"):
        for number in range(3000):
            handler(f"text {number}")
    assert len(handler._seen) <= 1000
