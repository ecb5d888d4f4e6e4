"""Images that stand in for those of the registries, made from Debian's packages, where no registry can be reached."""

import shutil
import subprocess
import tempfile
from pathlib import Path

_DEBIAN = "foldin-standin-debian"
_RELEASE = "bookworm"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_INSTALL = "apt-get update -qq && apt-get install -qq --yes --no-install-recommends"
_CLEAN = "rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /usr/share/doc /usr/share/man"

_PYTHON = f"""
FROM {_DEBIAN}
RUN {_INSTALL} python3 python3-venv && ln -s python3 /usr/bin/python && {_CLEAN}
COPY certificates.crt {_CERTIFICATES}
ENV PIP_CERT={_CERTIFICATES}
"""

_POSTGRES = f"""
FROM {_DEBIAN}
RUN {_INSTALL} postgresql && {_CLEAN} && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ \\
    && install --directory --owner=postgres --group=postgres --mode=700 /var/lib/postgresql/data \\
    && install --directory --owner=postgres --group=postgres --mode=3777 /run/postgresql
COPY start.sh /usr/local/bin/start.sh
ENV PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["sh", "/usr/local/bin/start.sh"]
"""

# As the real one: a database for the user on the first start, with the password on every connection but local ones.
_START_POSTGRES = """
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s' "$POSTGRES_PASSWORD" > /tmp/password
    initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --encoding=UTF8 --auth-local=trust
    rm /tmp/password
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-c listen_addresses=''" start
    createdb --username="$POSTGRES_USER" "$POSTGRES_USER"
    pg_ctl --wait --mode=fast stop
fi
exec postgres -c listen_addresses='*'
"""

_HAPROXY = f"""
FROM {_DEBIAN}
RUN {_INSTALL} haproxy && {_CLEAN}
USER haproxy
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
"""


def make_standins(images: dict[str, str]) -> None:
    """Make the images that are not there.

    Parameters
    ----------
    images : dict of str to str
        By what they stand in for (``python``, ``postgres``, ``haproxy``), the names to give them.

    Raises
    ------
    RuntimeError
        If this machine cannot make them.
    """
    if not shutil.which("debootstrap"):
        raise RuntimeError("no registry can be reached, and debootstrap is not installed to make images without one")
    with tempfile.TemporaryDirectory(prefix="foldin-standins-") as place:
        context = Path(place)
        if _CERTIFICATES.exists():
            shutil.copy(_CERTIFICATES, context / "certificates.crt")
        (context / "start.sh").write_text(_START_POSTGRES)
        if subprocess.run(["docker", "image", "inspect", _DEBIAN], capture_output=True, check=False).returncode:
            _make_debian(context / "root")
        for kind, recipe in {"python": _PYTHON, "postgres": _POSTGRES, "haproxy": _HAPROXY}.items():
            if kind in images:
                build = ["docker", "build", "--quiet", "--network=host", "--tag", images[kind], "--file=-", place]
                done = subprocess.run(build, input=recipe, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise RuntimeError(f"the stand-in for {images[kind]} was not built: {done.stderr[-500:]}")


def _make_debian(root: Path) -> None:
    subprocess.run(["debootstrap", "--variant=minbase", _RELEASE, str(root)], stdout=subprocess.DEVNULL, check=True)
    for left in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / left, ignore_errors=True)
    pack = subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
    subprocess.run(["docker", "import", "-", _DEBIAN], stdin=pack.stdout, check=True, stdout=subprocess.DEVNULL)
    if pack.wait():
        raise RuntimeError("the stand-in for Debian could not be packed")
    shutil.rmtree(root)
