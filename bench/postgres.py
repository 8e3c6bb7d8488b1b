"""A PostgreSQL server of one's own: on loopback, in a temporary directory, gone afterwards.

The measurements and the tests start one each.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


class NoServerError(Exception):
    """There is no PostgreSQL here, or it does not start; the message says why."""


def program(name: str) -> str | None:
    """Return the path of one of PostgreSQL's programs, on the path or where Debian keeps it."""
    return shutil.which(name) or next((str(p / name) for p in PLACES if (p / name).exists()), None)


@contextmanager
def server() -> Iterator[str]:
    """Start a server and give the URL of an empty database.

    The server refuses to run for root, so root starts it as another user. Raises NoServerError.
    """
    initdb, postgres = program("initdb"), program("postgres")
    if initdb is None or postgres is None:
        raise NoServerError("PostgreSQL is not installed (initdb and postgres are looked for)")
    user = _other_user() if os.geteuid() == 0 else None
    place = Path(tempfile.mkdtemp(prefix="synthtab-pg-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        if user is not None:
            os.chown(place, user.pw_uid, user.pw_gid)
        who = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid}
        data, port = place / "data", _free_port()
        quiet = {"cwd": place, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = [initdb, "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run([*command, "--no-sync"], check=True, **quiet, **who)  # type: ignore[call-overload]
        settings = ["listen_addresses=127.0.0.1", f"port={port}", "fsync=off", "timezone=UTC"]
        settings += [f"unix_socket_directories={place}"]
        options = [word for setting in settings for word in ("-c", setting)]
        process = subprocess.Popen([postgres, "-D", data, *options], **quiet, **who)  # type: ignore[call-overload]
        _wait(process, port)
        yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    finally:
        if process is not None:
            process.send_signal(2)  # fast shutdown: connections are closed
            process.wait(timeout=30)
        shutil.rmtree(place, ignore_errors=True)


def _other_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoServerError("PostgreSQL does not run for root, and no user postgres or nobody is there")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    isready = program("pg_isready")
    assert isready is not None
    for _ in range(600):
        asked = [isready, "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1", "-U", "tester"]
        if subprocess.run(asked, check=False).returncode == 0:
            return
        if process.poll() is not None:
            raise NoServerError("PostgreSQL did not start")
        time.sleep(0.1)
    raise NoServerError("PostgreSQL did not answer within a minute")
