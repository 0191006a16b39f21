"""The manual's page on the transport says what the code does."""

from __future__ import annotations

from pathlib import Path

from dynkube.config import Config, Timeout
from dynkube.transport import RetryPolicy
from dynkube.transport.credentials import TOKEN_FILE_SECONDS
from dynkube.transport.exec_plugin import MARGIN_SECONDS, MARGIN_SHARE, PLUGIN_SECONDS
from dynkube.transport.oidc import EXPIRY_SECONDS

PAGE = Path(__file__).parents[2] / "docs" / "transport.rst"


def test_the_numbers_in_the_manual_are_those_of_the_code() -> None:
    """Limits, counts and defaults that the page names are the constants that rule."""
    text = PAGE.read_text(encoding="utf-8")
    policy, limits = RetryPolicy(), Timeout()
    assert f"up to {policy.hinted} times, after that" in text
    assert f"up to {policy.unhinted} times, with backoff" in text
    assert f"more than {policy.most_asked:g} s is not waited for" in text
    pauses = ", ".join(f"{policy.first * 2**number:g}" for number in range(policy.unhinted))
    assert f"Backoff is {pauses} s" in text
    assert (limits.connect, limits.read, limits.total) == (10.0, 60.0, None)
    assert f"every {TOKEN_FILE_SECONDS:g} s" in text
    assert MARGIN_SHARE == 0.1
    assert f"a tenth of its life ({MARGIN_SECONDS:g} s at most)" in text
    assert f"more than {PLUGIN_SECONDS:g} s without a terminal" in text
    assert f"until {EXPIRY_SECONDS:g} s before its end" in text
    assert Config().qps <= 0
    assert not Config().disable_compression
