"""What `import dynkube` loads: next to nothing, until something is used."""

from __future__ import annotations

import subprocess
import sys


def loaded_by(code: str) -> set[str]:
    """Return the modules a fresh interpreter has after running `code`, less those it has anyway."""
    script = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    return set(done.stdout.split())


def test_importing_the_package_loads_no_third_party_module() -> None:
    """requests, urllib3, yaml and cachetools come with the first use, not with the import."""
    loaded = {name.partition(".")[0] for name in loaded_by("import dynkube")}
    assert not loaded & {"requests", "urllib3", "yaml", "cachetools", "ssl", "http", "concurrent", "asyncio"}


def test_importing_the_package_loads_only_itself_of_dynkube() -> None:
    """No layer is imported before one of its names is used."""
    assert {name for name in loaded_by("import dynkube") if name.startswith("dynkube")} == {"dynkube"}


def test_importing_the_package_is_a_fraction_of_importing_requests() -> None:
    """Counted in modules, which does not depend on the machine: at most a tenth of what requests loads."""
    assert len(loaded_by("import dynkube")) * 10 <= len(loaded_by("import requests"))


def test_a_client_loads_little_more_than_requests() -> None:
    """Making a client loads at most 20 modules of others beside what requests loads, and no layer it does not use."""
    loaded = loaded_by("import dynkube\ndynkube.DynamicClient(dynkube.Config()).rest")
    others = {name for name in loaded - loaded_by("import requests") if name.partition(".")[0] != "dynkube"}
    assert len(others) <= 20, sorted(others)
    assert not {"yaml", "asyncio"} & loaded
    layers = {name.split(".")[1] for name in loaded if name.startswith("dynkube.")}
    assert not layers & {"testing", "cli", "stream", "controller"}
