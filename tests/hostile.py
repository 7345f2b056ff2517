"""An environment and a home that would lead every connection of a naive program astray."""

from pathlib import Path

DEAD = "127.0.0.1:9"
"""Where nobody listens."""


def hostile_environment(home: Path) -> dict[str, str]:
    """The variables; ``home`` is made, with files that libpq and HTTP clients read."""
    home.mkdir(parents=True)
    (home / ".pgpass").write_text("*:*:*:*:not-the-password\n")
    (home / ".pgpass").chmod(0o600)
    (home / ".pg_service.conf").write_text("[elsewhere]\nhost=198.51.100.1\nport=1\n")
    (home / ".netrc").write_text("machine 127.0.0.1 login mallory password secret\n")
    (home / ".netrc").chmod(0o600)
    certificates = home / ".postgresql"
    certificates.mkdir()
    for name in ("postgresql.crt", "postgresql.key", "root.crt"):
        (certificates / name).write_text("no certificate\n")
    proxy = f"http://{DEAD}"
    return {
        "HOME": str(home),
        "PGOPTIONS": "-c lock_timeout=500",
        "PGHOSTADDR": "198.51.100.1",
        "PGHOST": "elsewhere.example",
        "PGPORT": "9",
        "PGUSER": "mallory",
        "PGPASSWORD": "not-the-password",
        "PGDATABASE": "elsewhere",
        "PGSERVICE": "elsewhere",
        "PGSERVICEFILE": str(home / ".pg_service.conf"),
        "PGPASSFILE": str(home / ".pgpass"),
        "PGSSLMODE": "require",
        "PGTARGETSESSIONATTRS": "read-only",
        "PGCLIENTENCODING": "SQL_ASCII",
        "PGDATESTYLE": "German",
        "PGTZ": "Asia/Kathmandu",
        "PGAPPNAME": "stranger",
        "PGCONNECT_TIMEOUT": "1",
        "PGREQUIREAUTH": "none",
        "PGDATA": str(home),
        "LENDING_DEFECT": "amount_truncated",
        "LENDING_DATABASE_URL": f"postgresql://mallory@{DEAD}/elsewhere",
        "LENDING_ADMIN_TOKEN": "not-the-token",
        "HTTP_PROXY": proxy,
        "http_proxy": proxy,
        "HTTPS_PROXY": proxy,
        "ALL_PROXY": proxy,
        "all_proxy": proxy,
        "NO_PROXY": "",
        "NETRC": str(home / ".netrc"),
        "SSL_CERT_FILE": str(home / "none"),
        "REQUESTS_CA_BUNDLE": str(home / "none"),
    }
