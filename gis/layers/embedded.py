"""The private PostGIS cluster that Wangge initialises and runs when no other database is named.

It lives in a folder of its own and answers on a unix socket only. Everyone who uses it holds a shared lock
on a file; whoever lets go last stops it. A lock dies with its process, so a killed server leaves nothing to
clean up: the next user finds the cluster running and takes it over, or finds it dead and recovers it.
PostgreSQL refuses to run as root, so root hands it to the ``postgres`` account that its package brings.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gis.errors import UnavailableError

PACKAGES = "postgresql-15 postgresql-15-postgis-3 (Debian 12), or your release's postgresql-postgis"
DATABASE = "wangge"
_START_TRIES = 8
_MAX_SOCKET_PATH = 90  # the kernel takes 107 bytes, and the file's own name is part of it


@dataclass(frozen=True)
class Programs:
    """A PostgreSQL installation that brings PostGIS.

    Attributes
    ----------
    folder
        Where ``initdb``, ``pg_ctl`` and ``postgres`` are.
    major
        PostgreSQL's major version.
    """

    folder: Path
    major: int


def find_programs() -> list[Programs]:
    """Find the PostgreSQL installations with PostGIS on this machine, newest first.

    Returns
    -------
    list of Programs
        Empty where none is installed.
    """
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    on_path = shutil.which("initdb")
    if on_path:
        places.append(Path(on_path).resolve().parent)
    found: dict[Path, Programs] = {}
    for place in places:
        if (place / "initdb").exists() and (place / "pg_ctl").exists() and _has_postgis(place):
            found[place] = Programs(place, _major(place))
    return sorted(found.values(), key=lambda programs: -programs.major)


def _major(folder: Path) -> int:
    words = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    match = re.search(r"(\d+)", words)
    return int(match.group(1)) if match else 0


def _has_postgis(folder: Path) -> bool:
    # Debian keeps pg_config in a package of its own, so its folder layout is known by heart.
    shares = [Path("/usr/share/postgresql") / folder.parent.name, folder.parent / "share"]
    return any((share / "extension" / "postgis.control").exists() for share in shares)


class Cluster:
    """A private PostGIS cluster in a folder.

    Parameters
    ----------
    folder
        Where its data live; made when missing.
    durable
        Whether a commit waits for the disk. Only a test's cluster may do without.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._account = _account()
        self.folder = _reachable(folder.absolute(), self._account)
        self.durable = durable
        mark = hashlib.sha256(str(self.folder).encode()).hexdigest()[:10]
        self.socket_folder = _socket_parent(self._account) / f"wangge-{mark}"
        self._programs: Programs | None = None

    @property
    def url(self) -> str:
        """SQLAlchemy's URL of the cluster's one database, over the socket."""
        return f"postgresql+psycopg://wangge@/{DATABASE}?host={self.socket_folder}"

    @property
    def log_file(self) -> Path:
        """Where PostgreSQL writes its log."""
        return self.folder / "postgres.log"

    @contextmanager
    def running(self) -> Iterator[str]:
        """Use the cluster: it is started where needed, and stopped by its last user.

        Yields
        ------
        str
            The URL to connect to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "users.lock").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_SH)  # waits for whoever is just stopping it
            with (self.folder / "start.lock").open("w") as starting:
                fcntl.flock(starting, fcntl.LOCK_EX)
                if not self.is_running():
                    self.start()
            try:
                yield self.url
            finally:
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass  # somebody else still uses it
                else:
                    self.stop()

    def stuck_holder(self, *, wait_s: float) -> int | None:
        """Tell which process has kept the cluster to itself for longer than starting or stopping takes.

        Parameters
        ----------
        wait_s
            How long to wait for it to let go.

        Returns
        -------
        int or None
            Its number; 0 where it is not known; None where the cluster can be used.
        """
        until = time.monotonic() + wait_s
        for name, kind in (("users.lock", fcntl.LOCK_SH), ("start.lock", fcntl.LOCK_EX)):
            path = self.folder / name
            while path.exists():
                with path.open("r+") as file:
                    try:
                        fcntl.flock(file, kind | fcntl.LOCK_NB)
                    except BlockingIOError:
                        if time.monotonic() > until:
                            return _lock_holder(path)
                    else:
                        break
                time.sleep(0.1)
        return None

    def is_running(self) -> bool:
        """Tell whether the cluster's server runs and takes connections.

        Returns
        -------
        bool
            False also where it was never made.
        """
        if not (self._data / "PG_VERSION").exists():
            return False
        ready = self._run("pg_isready", "-q", "-h", str(self.socket_folder), check=False)
        return ready.returncode == 0

    def start(self) -> None:
        """Start the server, making or recovering the cluster first where that is needed.

        Raises
        ------
        UnavailableError
            If PostgreSQL or PostGIS is missing, or the server does not come up.
        """
        self._prepare_folders()
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        if self.is_running():
            return
        self._write_configuration()
        for attempt in range(_START_TRIES):
            started = self._run(
                "pg_ctl",
                "start",
                "-w",
                "-t",
                "60",
                "-D",
                str(self._data),
                "-l",
                str(self.log_file),
                check=False,
            )
            if started.returncode == 0:
                break
            # After a kill, orphaned backends hold the shared memory until they notice.
            time.sleep(0.25 * 2**attempt if attempt < 4 else 4)
        else:
            raise UnavailableError(
                "the private PostGIS cluster does not start",
                where=str(self.folder),
                mend=f"read the last lines of {self.log_file}",
            )
        self._create_database()

    def stop(self) -> None:
        """Stop the server, waiting for what is under way to end cleanly."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self._data), check=False)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _choose(self) -> Programs:
        if self._programs is not None:
            return self._programs
        installed = find_programs()
        if not installed:
            raise UnavailableError(
                "PostgreSQL with PostGIS is not installed",
                mend=f"install {PACKAGES}, or set WANGGE_DATABASE_URL to another PostGIS",
            )
        version_file = self._data / "PG_VERSION"
        if version_file.exists():
            major = int(version_file.read_text().strip())
            installed = [programs for programs in installed if programs.major == major]
            if not installed:
                raise UnavailableError(
                    f"the private cluster was made by PostgreSQL {major}, which is not installed",
                    where=str(self.folder),
                    mend=f"install postgresql-{major}-postgis-3, or export your layers and remove the folder",
                )
        self._programs = installed[0]
        return self._programs

    def _prepare_folders(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.folder, self.socket_folder):
            if self._account is not None:
                os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        owner = self.socket_folder.stat()
        expected = self._account.pw_uid if self._account else os.getuid()
        if owner.st_uid != expected or stat.S_IMODE(owner.st_mode) & 0o077:
            raise UnavailableError(
                "the socket's folder belongs to somebody else, or is open to others",
                where=str(self.socket_folder),
                mend="remove it and start again",
            )

    def _initialise(self) -> None:
        # A folder without PG_VERSION is what an interrupted initdb leaves; it holds nothing of value.
        if self._data.exists():
            shutil.rmtree(self._data)
        self._run(
            "initdb", "-D", str(self._data), "-U", "wangge", "-E", "UTF8", "--locale=C.UTF-8",
            "--auth-local=trust", "--auth-host=reject", "--no-instructions", "--no-sync",
        )  # fmt: skip

    def _write_configuration(self) -> None:
        lines = {
            "listen_addresses": "''",
            "unix_socket_directories": f"'{self.socket_folder}'",
            "unix_socket_permissions": "0700",
            "max_connections": "80",
            "shared_buffers": "'256MB'",
            "work_mem": "'32MB'",
            "maintenance_work_mem": "'256MB'",
            "timezone": "'Asia/Shanghai'",
            "jit": "off",
            # Reports carry personal data; no statement or parameter goes into a log.
            "log_min_error_statement": "panic",
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
            "log_error_verbosity": "terse",
        }
        if not self.durable:
            lines |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        file = self._data / "wangge.conf"
        file.write_text("".join(f"{name} = {value}\n" for name, value in lines.items()))
        main = self._data / "postgresql.conf"
        include = "include = 'wangge.conf'"
        if include not in main.read_text():
            main.write_text(main.read_text() + f"\n{include}\n")
        if self._account is not None:
            os.chown(file, self._account.pw_uid, self._account.pw_gid)

    def _create_database(self) -> None:
        names = self._psql("postgres", "SELECT datname FROM pg_database").split()
        if DATABASE not in names:
            self._psql("postgres", f"CREATE DATABASE {DATABASE}")

    def _psql(self, database: str, statement: str) -> str:
        done = self._run(
            "psql", "-h", str(self.socket_folder), "-U", "wangge", "-d", database, "-At", "-c", statement
        )
        return done.stdout

    def _run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        as_whom: dict[str, Any] = {}
        if self._account is not None:
            as_whom = {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}
        # A file, not a pipe: the server inherits it, and a pipe would never see its end.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [self._choose().folder / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                check=False,
                start_new_session=True,  # Ctrl-C is for Wangge; it stops the cluster in its own time
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                **as_whom,
            )
            output.seek(0)
            words = output.read()
        if check and done.returncode != 0:
            raise UnavailableError(
                f"{program} failed: {words.strip().splitlines()[-1] if words.strip() else 'it said nothing'}",
                where=str(self.folder),
                mend="check the folder's owner and the free space",
            )
        return subprocess.CompletedProcess(done.args, done.returncode, words, "")


def _lock_holder(path: Path) -> int:
    """Find who holds a file's lock in Linux's own list; 0 where there is none."""
    node = path.stat().st_ino
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return 0
    # 1: FLOCK  ADVISORY  WRITE 4711 fe:00:131077 0 EOF
    held = [line.split() for line in lines if "->" not in line]
    return next((int(row[4]) for row in held if row[5].endswith(f":{node}")), 0)


def _account() -> pwd.struct_passwd | None:
    """Return the account that root hands the cluster to; None where we are not root."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise UnavailableError(
            "PostgreSQL is not installed (there is no postgres account)", mend=f"install {PACKAGES}"
        ) from None


def _reachable(folder: Path, account: pwd.struct_passwd | None) -> Path:
    """Keep the folder where the account can reach it, else use one under /var/lib of the same identity."""
    if account is None:
        return folder
    parents = [parent for parent in folder.parents if parent.exists()]
    if all(
        parent.stat().st_mode & stat.S_IXOTH or parent.stat().st_uid == account.pw_uid for parent in parents
    ):
        return folder
    return Path("/var/lib/wangge") / hashlib.sha256(str(folder).encode()).hexdigest()[:16]


def _socket_parent(account: pwd.struct_passwd | None) -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if account is not None and Path("/run").is_dir():
        return Path("/run")
    if runtime and Path(runtime).is_dir() and len(runtime) < _MAX_SOCKET_PATH - 20:
        return Path(runtime)
    return Path("/tmp")  # noqa: S108 - the folder in it is made 0700 and its owner checked
