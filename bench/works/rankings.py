"""A period's ranking of all grid officers, asked of the product's own server over HTTP."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import subprocess
import sys
import tempfile
from typing import Any

from bench.jobs import Job, Outcome, Place
from bench.patrol import RANKINGS_A_RUN
from bench.peers.postgis_server import own_cpu_s, process_cpu_s
from bench.peers.ranking_server import LOGIN, PASSWORD

PATH = "/api/v1/rankings?period=2026-W37&of=post&group=grid_officers"


class RankingServer:
    """The server in a process of its own, signed in; it stops when its work's process ends."""

    def __init__(self, place: Place) -> None:
        folder = tempfile.mkdtemp(prefix="rankings-", dir=place.folder)
        command = [sys.executable, "-m", "bench.peers.ranking_server", folder, str(place.officers)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._process.stdout is None:
            raise RuntimeError("no pipe")
        told = self._process.stdout.readline().split()
        if len(told) != 3:
            raise RuntimeError("the server did not start")
        self._port, self._pid, self._postmaster = (int(word) for word in told)
        self._headers = {"Accept-Encoding": "gzip", "Origin": f"http://127.0.0.1:{self._port}"}
        self._headers["Cookie"] = self._signed_in()

    def get(self, path: str) -> bytes:
        """The body of an answer, as it travels."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        connection.request("GET", path, headers=self._headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {body[:200]!r}")
        return body

    def cpu_s(self) -> float:
        """CPU seconds so far of the server and of its database."""
        return own_cpu_s(self._pid) + process_cpu_s(self._postmaster)

    def close(self) -> None:
        """Stop it, and wait."""
        self._process.communicate()

    def _signed_in(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        body = json.dumps({"login": LOGIN, "password": PASSWORD})
        headers = {**self._headers, "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/session", body, headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return (answer.getheader("set-cookie") or "").split(";", 1)[0]


def rank_officers(place: Place, *, limit: int | None = None) -> Job:
    """The same ranking, again and again, of a server that has answered before.

    Parameters
    ----------
    limit : int, optional
        Lines of the page that is told; ranks are over all. None: every line.
    """
    server = RankingServer(place)
    path = PATH if limit is None else f"{PATH}&limit={limit}"
    server.get(path)

    def run() -> bytes:
        bodies = [server.get(path) for _ in range(RANKINGS_A_RUN)]
        return bodies[-1]

    return Job(run, judged, server.cpu_s)


def judged(body: bytes) -> Outcome:
    """How many lines, the outings that count, and a digest of every rank, change and number."""
    answer: dict[str, Any] = json.loads(gzip.decompress(body))
    rows = answer["rows"]
    first = sum(row["rank"] == 1 for row in rows)
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:24]
    facts = {"total": answer["total"], "first": first, "digest": digest}
    return Outcome(len(rows), sum(row["valid"] for row in rows), facts)
