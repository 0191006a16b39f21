"""`dynkube demo`: the quick start does what it says."""

from __future__ import annotations

import re

import pytest

from dynkube.cli import main
from dynkube.cli.exits import OK


@pytest.mark.parametrize("options", [[], ["--tls"]])
def test_the_main_job(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It discovers in two requests, creates, patches, applies, lists, watches, refuses and cleans up."""
    assert main(["demo", *options]) == OK
    shown = capsys.readouterr()
    assert shown.err == ""
    assert re.search(r"\d\d groups, \d\d resources: 2 requests", shown.out)
    for line in (
        "created  deployment.apps/web",
        "created  customresourcedefinition.apiextensions.k8s.io/teapots.demo.dynkube.dev",
        "created  teapot.demo.dynkube.dev/tiny: 1 l of assam",
        "patched  deployment.apps/web: 5 replicas, generation 2",
        "applied  configmap/limits: field manager demo",
        "deploy with tier=front: api, web",
        "modified teapot.demo.dynkube.dev/tiny: 1 l of sencha",
        "added    teapot.demo.dynkube.dev/huge: 20 l of mint",
        "deleted  teapot.demo.dynkube.dev/large: 4 l of assam",
        "NotFound: ",
        "Invalid: ",
        "InvalidNameError: ",
        "NoMatchError: ",
        "left: 0 deployments, 0 config maps, 0 definitions",
    ):
        assert line in shown.out
    assert all(len(line) <= 110 for line in shown.out.splitlines())
