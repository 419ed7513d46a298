"""The private PostGIS cluster: started on demand, shared by a data folder's commands, stopped by the last.

Socket only, peer authentication, data checksums, fsync on. PostgreSQL refuses to run as root: under root its
programs run as ``postgres`` (or ``nobody``), and where that user cannot reach the data folder the cluster
lies in ``/var/lib/landwarden``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from foundation.blobs import storage_error
from foundation.errors import Conflict, Unavailable

DATABASE = "landwarden"
OWNER = "landwarden_owner"
APPLICATION = "landwarden_app"
SOCKET_PORT = 5432
SOCKET_PATH_LIMIT = 107
START_TRIES = 60
CONFIGURATION = """
listen_addresses = ''
unix_socket_permissions = 0700
fsync = on
jit = off
shared_buffers = 256MB
work_mem = 32MB
maintenance_work_mem = 128MB
max_connections = 60
max_wal_size = 2GB
timezone = 'Asia/Shanghai'
log_destination = 'stderr'
log_min_messages = warning
"""


class Cluster:
    """One PostgreSQL data folder and how to reach it.

    Parameters
    ----------
    data_dir : Path
        The product's data folder; its path names the cluster.
    postgres_bin : str
        Folder of ``initdb`` and ``postgres``; empty finds the newest.
    """

    def __init__(self, data_dir: Path, *, postgres_bin: str = "") -> None:
        self._bin = find_postgres(postgres_bin)
        self._user = _server_user()
        self._folder = self._choose_folder(data_dir.resolve())
        self.socket_dir = self._choose_socket_dir()

    def url(self, role: str, database: str = DATABASE) -> str:
        """SQLAlchemy URL of a role over the socket."""
        return f"postgresql+psycopg://{role}@/{database}?host={self.socket_dir}&port={SOCKET_PORT}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Hold the cluster up; the last holder to leave stops it. Survives ``kill -9`` of any holder."""
        with self._lock_file("lease") as lease:
            with self._lock_file("start") as start:
                fcntl.flock(start, fcntl.LOCK_EX)
                fcntl.flock(lease, fcntl.LOCK_SH)
                self._start()
            try:
                yield
            finally:
                self._stop_if_last(lease)

    def discard(self) -> None:
        """Stop the server and remove the database for good.

        Raises
        ------
        Conflict
            ``foundation.cluster.in_use`` while another command works with it.
        """
        if not self._folder.parent.exists():
            return
        with self._lock_file("lease") as lease, self._lock_file("start") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            try:
                fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict("foundation.cluster.in_use", folder=str(self._folder)) from error
            self._run("pg_ctl", "stop", "-D", self._folder, "-m", "immediate", "-s", "-w")
            shutil.rmtree(self._folder, ignore_errors=True)
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def _choose_folder(self, data_dir: Path) -> Path:
        if self._user is None or _reachable(data_dir, self._user):
            return data_dir / "postgres"
        mark = hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]
        return Path("/var/lib/landwarden") / mark / "postgres"

    def _choose_socket_dir(self) -> Path:
        wanted = self._folder.parent / "socket"
        if len(f"{wanted}/.s.PGSQL.{SOCKET_PORT}") <= SOCKET_PATH_LIMIT:
            return wanted
        mark = hashlib.sha256(str(self._folder).encode()).hexdigest()[:12]
        return Path("/tmp") / f"landwarden-{mark}"

    def _lock_file(self, name: str) -> IO[str]:
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            return (self._folder.parent / f"cluster.{name}").open("a")
        except OSError as error:
            raise storage_error(error, self._folder.parent) from error

    def _start(self) -> None:
        if not (self._folder / "PG_VERSION").exists():
            self._create()
        if self._answers():
            return
        self._own(self.socket_dir)
        for _ in range(3):
            done = self._run(
                "pg_ctl", "start", "-D", self._folder, "-w", "-t", START_TRIES, "-s", "-l", self._log(),
                "-o", f"-k {self.socket_dir} -p {SOCKET_PORT}",
            )  # fmt: skip
            if done.returncode == 0 and self._answers():
                return
            time.sleep(0.5)
        raise Unavailable("foundation.cluster.not_started", log=str(self._log()), reason=_tail(self._log()))

    def _create(self) -> None:
        """Make the cluster beside its place and move it there whole: a killed start leaves no half."""
        making = self._folder.with_name("postgres.making")
        shutil.rmtree(making, ignore_errors=True)
        self._own(making)
        done = self._run(
            "initdb",
            "-D",
            making,
            "-U",
            OWNER,
            "-A",
            "peer",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-k",
            "--no-instructions",
        )
        if done.returncode != 0:
            raise Unavailable(
                "foundation.cluster.not_created", folder=str(making), reason=done.stderr.strip()[-500:]
            )
        with (making / "postgresql.conf").open("a") as file:
            file.write(CONFIGURATION)
        (making / "pg_hba.conf").write_text("local all all peer map=landwarden\n")
        system_users = {_user_name(), self._user.pw_name if self._user else _user_name()}
        lines = [
            f"landwarden {name} {role}" for name in sorted(system_users) for role in (OWNER, APPLICATION)
        ]
        (making / "pg_ident.conf").write_text("\n".join(lines) + "\n")
        making.rename(self._folder)

    def _own(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            if self._user is not None:
                os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        except OSError as error:
            raise storage_error(error, folder) from error

    def _answers(self) -> bool:
        return self._run("pg_isready", "-q", "-h", self.socket_dir, "-p", SOCKET_PORT).returncode == 0

    def _stop_if_last(self, lease: IO[str]) -> None:
        with self._lock_file("start") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            fcntl.flock(lease, fcntl.LOCK_UN)
            try:
                fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._run("pg_ctl", "stop", "-D", self._folder, "-m", "fast", "-s", "-w")

    def _log(self) -> Path:
        return self._folder / "server.log"

    def _run(self, program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        identity: dict[str, Any] = {}
        if self._user is not None:
            identity = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        command = [str(self._bin / program), *(str(argument) for argument in arguments)]
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "Asia/Shanghai"}
        # The server inherits no pipe of ours: pg_ctl would otherwise hold it open for as long as it runs.
        with (self._folder.parent / "cluster.output").open("w+") as output:
            done = subprocess.run(
                command,
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                **identity,
            )
            output.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, "", output.read())


def find_postgres(wanted: str = "") -> Path:
    """Folder of the newest PostgreSQL that has PostGIS.

    Raises
    ------
    Unavailable
        ``foundation.cluster.no_postgres`` or ``…no_postgis``, with the command that installs it.
    """
    folders = (
        [Path(wanted)]
        if wanted
        else sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    )
    if not wanted and (found := shutil.which("initdb")):
        folders.append(Path(found).parent)
    having = [folder for folder in folders if (folder / "initdb").exists()]
    if not having:
        raise Unavailable("foundation.cluster.no_postgres", looked=wanted or "/usr/lib/postgresql, PATH")
    for folder in having:
        if wanted or any(_extension_folder(folder).glob("postgis.control")):
            return folder
    raise Unavailable("foundation.cluster.no_postgis", version=_version(having[0]))


def _extension_folder(bin_folder: Path) -> Path:
    done = subprocess.run(
        [bin_folder / "pg_config", "--sharedir"], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return Path(done.stdout.strip()) / "extension"
    return Path("/usr/share/postgresql") / str(_version(bin_folder)) / "extension"


def _version(folder: Path) -> int:
    match = re.search(r"(\d+)", folder.parent.name)
    return int(match[1]) if match else 0


def _server_user() -> pwd.struct_passwd | None:
    """The unprivileged user of the server under root; None when we are unprivileged ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Unavailable("foundation.cluster.no_user")


def _user_name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _reachable(folder: Path, user: pwd.struct_passwd) -> bool:
    """Whether another user may pass through every folder above."""
    for parent in folder.parents:
        if not parent.exists():
            continue
        status = parent.stat()
        owner_passes = status.st_uid == user.pw_uid and status.st_mode & 0o100
        if not (owner_passes or status.st_mode & 0o001):
            return False
    return True


def _tail(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[-500:]
    except OSError:
        return ""
