"""The pages show the figures of one run, those in docs/performance.json, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import publishing
from benchmarks.measuring import Results

ROOT = Path(publishing.ROOT)


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    """Read the run that was published."""
    document: dict[str, Any] = json.loads((ROOT / "docs" / "performance.json").read_text())
    return document


@pytest.mark.parametrize("page", ["README.rst", "docs/performance.rst"])
def test_a_page_shows_the_published_run(page: str, run: dict[str, Any]) -> None:
    """What stands between the two comments is what `--publish` would write there."""
    text = (ROOT / page).read_text()
    before, after = publishing.split(text)
    assert text == before + publishing.pages(run)[page] + after


def test_text_and_chart_show_the_published_run(run: dict[str, Any]) -> None:
    """The files beside the JSON are made from it."""
    assert (ROOT / "docs" / "performance.txt").read_text() == publishing.text(run)
    assert (ROOT / "docs" / "performance.svg").read_text() == publishing.chart(run)


def test_publishing_replaces_the_figures_and_nothing_else(tmp_path: Path, run: dict[str, Any]) -> None:
    """A later run takes the place of the one before; the text around it stays."""
    (tmp_path / "docs").mkdir()
    around = f"Above.\n\n{publishing.BEGIN}\nold figures\n{publishing.END}\nBelow.\n"
    for page in ("README.rst", "docs/performance.rst"):
        (tmp_path / page).write_text(around)
    publishing.publish(run, tmp_path)
    publishing.publish(run, tmp_path)
    text = (tmp_path / "README.rst").read_text()
    assert text == around.replace("old figures\n", publishing.pages(run)["README.rst"])
    assert "one get, warm" in text
    assert json.loads((tmp_path / "docs" / "performance.json").read_text()) == run


def test_a_page_without_a_place_for_figures_is_refused() -> None:
    """A comment that somebody removed is an error, not a page that silently ages."""
    with pytest.raises(ValueError, match="no place for figures"):
        publishing.split("A page.\n")


def test_targets_are_judged_on_the_figures() -> None:
    """A speed-up beyond its promise is held, one below it missed, and the floor's own stands beside it."""
    for ours, held in ((5.0, True), (1.4, False)):
        results = Results()
        results.add("create_8", "dynkube", {"cpu_ms": 1.0, "speed_up": 0.9})
        results.add("create_8_storing", "floor", {"cpu_ms": 1.0, "speed_up": 0.8})
        results.add("create_8_storing", "dynkube", {"cpu_ms": 1.0, "speed_up": ours})
        document = publishing.document(results, 1, cores=2, load=(0.0, 0.0, 0.0))
        judged = [target for target in document["targets"] if "threads over 1" in target["text"]]
        assert [target["held"] for target in judged] == [held]
        assert "the floor's own: 0.80" in judged[0]["text"]
        assert f"{ours:.2f} x" in publishing.text(document)


@pytest.mark.parametrize(
    ("plain", "packed", "held"), [(100.0, 50.0, True), (100.0, 109.0, True), (100.0, 112.0, False)]
)
def test_the_default_of_compression_is_judged_against_the_best_setting(plain: float, packed: float, held: bool) -> None:
    """Over a slow link the default may cost a tenth more than the best setting, not more."""
    results = Results()
    results.add("list_pods_plain", "dynkube", {"wall_ms": plain})
    results.add("list_pods_gzip", "dynkube", {"wall_ms": packed})
    document = publishing.document(results, 1, cores=2, load=(0.0, 0.0, 0.0))
    assert [target["held"] for target in document["targets"]] == [held]
