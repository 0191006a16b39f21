"""Which kubectl a test needs: the oldest that CI meets is 1.20, and some commands are younger."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kubectl.running import Kubectl

#: kubectl validates manifests by OpenAPI v3 since then; before it asks for v2 in protobuf, which is not served.
OPENAPI_V3 = "1.27"


def version_of(kubectl: Kubectl) -> tuple[int, int]:
    """Return kubectl's own major and minor version."""
    version = json.loads(kubectl("version", "--client", "-o", "json"))["clientVersion"]
    return int(version["major"]), int(re.sub(r"\D", "", version["minor"]))


def needs(kubectl: Kubectl, version: str, why: str) -> None:
    """Skip the test on a kubectl older than ``version``, naming both versions and the reason."""
    major, _, minor = version.partition(".")
    found = version_of(kubectl)
    if found < (int(major), int(minor)):
        pytest.skip(f"needs kubectl {version}, this is {found[0]}.{found[1]}: {why}")
