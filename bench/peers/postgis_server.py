"""A private PostGIS for one work: it stops, and goes, when nobody holds its input any more."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from foundation.cluster import OWNER, Cluster
from foundation.jobs import conninfo


class Server:
    """A private PostGIS of one work; it stops when the work's process ends, or is done with it."""

    def __init__(self, place: Path, name: str) -> None:
        # A server for each job: the small one that warms up may still be running. The cluster's folder lies
        # below, where only the owner may enter: it then chooses one that its user can reach.
        folder = Path(tempfile.mkdtemp(prefix=f"pg-{name}-", dir=place)) / "data"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.peers.postgis_server", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._process.stdout is None:
            raise RuntimeError("no pipe")
        self._address, pid = self._process.stdout.readline().rstrip("\n").split("\t")
        self._pid = int(pid)

    def connected(self) -> psycopg.Connection[Any]:
        """A new connection."""
        return psycopg.connect(self._address)

    def run(self, sql: str) -> None:
        """One statement, committed."""
        with self.connected() as connection:
            connection.execute(sql)

    def cpu_s(self) -> float:
        """CPU seconds of the server so far."""
        return process_cpu_s(self._pid)

    def close(self) -> None:
        """Stop it, and wait until its folder is gone."""
        self._process.communicate()


def process_cpu_s(postmaster: int) -> float:
    """CPU seconds of a server: its own, of processes that ended, and of those that live."""
    while True:
        own = _own_and_ended(postmaster)
        living = _living_children(postmaster)
        # A process that is laid to rest between the two looks would be in neither.
        if _own_and_ended(postmaster) == own:
            return (sum(own) + living) / os.sysconf("SC_CLK_TCK")


def _own_and_ended(process: int) -> tuple[int, ...]:
    """Ticks of a process, and of its children that it has laid to rest."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return tuple(int(value) for value in fields[11:15])


def _living_children(process: int) -> int:
    total = 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == process:
            total += int(fields[11]) + int(fields[12])
    return total


def own_cpu_s(process: int) -> float:
    """CPU seconds of one process, of all its threads."""
    return sum(_own_and_ended(process)[:2]) / os.sysconf("SC_CLK_TCK")


def serve(folder: Path) -> None:
    """Run until the standard input ends."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(folder)
    try:
        _told(cluster)
    finally:
        cluster.discard()


def _told(cluster: Cluster) -> None:
    with cluster.running():
        address = conninfo(cluster.url(OWNER, "postgres"))
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
            row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
        pid = str(row[0]).split("\n", 1)[0] if row else ""
        sys.stdout.write(f"{address}\t{pid}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
