"""A private PostGIS for one work: it stops, and goes, when nobody holds its input any more."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg

from foundation.cluster import OWNER, Cluster
from foundation.jobs import conninfo


def process_cpu_s(postmaster: int) -> float:
    """CPU seconds of a server: its own, of processes that ended, and of those that live."""
    tick = os.sysconf("SC_CLK_TCK")
    total = 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        number = int(place.parent.name)
        if number == postmaster:
            total += sum(int(value) for value in fields[11:15])
        elif int(fields[1]) == postmaster:
            total += int(fields[11]) + int(fields[12])
    return total / tick


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
