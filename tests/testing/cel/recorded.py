"""What a kube-apiserver 1.36 answered about rules, as recorded in fixtures/cel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FIXTURES = Path(__file__).parents[3] / "fixtures" / "cel"


def recorded(name: str) -> Any:
    """Return a recorded document."""
    return json.loads((_FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
