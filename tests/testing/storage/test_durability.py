"""A data directory keeps every acknowledged write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dynkube.errors import ConfigError
from dynkube.testing import APIServer
from testing.calling import CMS, CRDS, WIDGET, WIDGETS, Caller, config_map, definition

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import sys
from dynkube.testing import APIServer
server = APIServer(data=sys.argv[1]).start()
print(server.url, flush=True)
sys.stdin.read()
"""


def test_objects_and_definitions_are_there_after_a_restart(tmp_path: Path) -> None:
    """Deleted ones are not; versions go on; a definition is served again."""
    with APIServer(data=tmp_path) as server:
        call = Caller(server.url)
        call.ok("POST", CRDS, definition())
        call.ok("POST", WIDGETS, {**WIDGET, "metadata": {"name": "w"}})
        call.ok("POST", CMS, config_map("gone"))
        call.ok("DELETE", f"{CMS}/gone")
        kept = call.ok("POST", CMS, config_map("kept", {"k": "\u2028 é"}))
    with APIServer(data=tmp_path) as server:
        call = Caller(server.url)
        assert call.ok("GET", f"{CMS}/kept") == kept
        assert call("GET", f"{CMS}/gone").status == 404
        assert call("GET", f"{WIDGETS}/w").status == 200
        new = call.ok("POST", CMS, config_map("new"))
        assert int(new["metadata"]["resourceVersion"]) > int(kept["metadata"]["resourceVersion"])


def test_a_killed_server_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """SIGKILL after some writes: all of them are there, and half a line at the end does no harm."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout
        call = Caller(process.stdout.readline().strip())
        for number in range(20):
            call.ok("POST", CMS, config_map(f"c{number}"))
        os.kill(process.pid, signal.SIGKILL)
    with (tmp_path / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"v":9999,"c":["","confi')
    with APIServer(data=tmp_path) as server:
        items = Caller(server.url).ok("GET", CMS)["items"]
        assert sorted(item["metadata"]["name"] for item in items) == sorted(f"c{number}" for number in range(20))


def test_a_restored_snapshot_is_what_is_kept(tmp_path: Path) -> None:
    """Going back to a snapshot counts as a write like any other."""
    with APIServer(data=tmp_path) as server:
        snapshot = server.snapshot()
        Caller(server.url).ok("POST", CMS, config_map("a"))
        server.restore(snapshot)
    with APIServer(data=tmp_path) as server:
        assert Caller(server.url)("GET", f"{CMS}/a").status == 404


def test_two_servers_cannot_share_a_directory(tmp_path: Path) -> None:
    """The second is told so, and the first is not disturbed."""
    with APIServer(data=tmp_path) as server:
        with pytest.raises(ConfigError, match="in use"):
            APIServer(data=tmp_path).start()
        assert Caller(server.url)("GET", "/healthz").status == 200


def test_a_broken_journal_is_refused_with_its_line(tmp_path: Path) -> None:
    """Nothing is served from half a truth."""
    (tmp_path / "journal.jsonl").write_text('{"v":1}\nnonsense\n')
    with pytest.raises(ConfigError, match=r"journal\.jsonl, line 2"):
        APIServer(data=tmp_path).start()


def test_tokens_of_service_accounts_outlive_a_restart(tmp_path: Path) -> None:
    """The key they are signed with is kept beside the journal, for its owner's eyes only."""
    tokens = tmp_path / "tokens.csv"
    tokens.write_text('sesame,alice,1,"system:masters"\n')
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    who = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    with APIServer(data=tmp_path / "data", token_auth_file=tokens) as server:
        call = Caller(server.url, token="sesame")
        call.ok("POST", accounts, {"metadata": {"name": "robot"}})
        token = call.ok("POST", f"{accounts}/robot/token", {"spec": {}})["status"]["token"]
    with APIServer(data=tmp_path / "data", token_auth_file=tokens) as server:
        answer = Caller(server.url, token=token).ok("POST", who, {})
        assert answer["status"]["userInfo"]["username"] == "system:serviceaccount:default:robot"
    assert (tmp_path / "data" / "token-key").stat().st_mode & 0o77 == 0


def test_a_token_key_of_the_wrong_length_is_refused(tmp_path: Path) -> None:
    """Signing with half a key would make tokens anybody could forge."""
    (tmp_path / "token-key").write_bytes(b"short")
    with pytest.raises(ConfigError, match="token key"):
        APIServer(data=tmp_path).start()
