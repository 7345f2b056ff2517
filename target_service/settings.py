"""The service's settings, read once from environment variables that start with ``LENDING_``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PREFIX = "LENDING_"
_BUREAU_URL = re.compile(r"http://[^\s:/@]+:[0-9]{1,5}")


class SettingsError(Exception):
    """One or more settings cannot be used; ``problems`` lists every one of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything one replica needs to know.

    Money is integer fen (1/100 yuan), ``deadline_ms`` milliseconds, ``session_hours`` hours.
    ``password_cost`` is the base-2 logarithm of scrypt's work factor. Without a ``bureau_url`` the
    score on file decides, whatever its age; with one it stands in for the bureau's for at most
    ``score_max_age_s`` seconds.
    """

    database_url: str
    host: str = "127.0.0.1"
    port: int = 8000
    reuse_port: bool = False
    instance: str = "replica-1"
    stack_id: str = ""
    admin_token: str | None = None
    client: Literal["tuned", "naive"] = "tuned"
    pool_size: int = 8
    password_cost: int = 15
    session_hours: int = 12
    review_above_fen: int = 2_000_000
    deadline_ms: int = 1_700
    log: str = "-"
    bureau_url: str = ""
    bureau_token: str | None = None
    score_max_age_s: int = 24 * 3600
    defects: tuple[str, ...] = ()
    """Names of planted defects, for tests of a harness; see `target_service.defects`."""

    @property
    def is_tuned(self) -> bool:
        """Whether this replica protects itself against a database that does not answer."""
        return self.client == "tuned"


class Reader:
    """Reads values one by one and remembers what was wrong with each."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []

    def text(self, name: str, default: str) -> str:
        """As it stands there."""
        return self.environ.get(PREFIX + name, default)

    def names(self, name: str) -> tuple[str, ...]:
        """Words between commas."""
        return tuple(word.strip() for word in self.text(name, "").split(",") if word.strip())

    def required(self, name: str) -> str:
        """A text that must not be empty."""
        value = self.text(name, "")
        if not value:
            self.problems.append(f"{PREFIX}{name} is required")
        return value

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number within both bounds."""
        raw = self.environ.get(PREFIX + name)
        if raw is None:
            return default
        try:
            value = int(raw)
        except ValueError:
            self.problems.append(f"{PREFIX}{name} must be a whole number, not {raw!r}")
            return default
        if not least <= value <= most:
            self.problems.append(f"{PREFIX}{name} must be from {least} to {most}, not {value}")
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """One of a few words."""
        value = self.text(name, default)
        if value not in choices:
            self.problems.append(f"{PREFIX}{name} must be {' or '.join(choices)}, not {value!r}")
        return value


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from ``environ``.

    Raises:
        SettingsError: naming every bad value at once.
    """
    read = Reader(environ)
    database_url = read.required("DATABASE_URL")
    if database_url and not database_url.startswith(("postgresql://", "postgres://")):
        # The value itself may hold a password and is therefore not repeated.
        read.problems.append(f"{PREFIX}DATABASE_URL must start with postgresql://")
    client = read.choice("CLIENT", "tuned", ("tuned", "naive"))
    settings = Settings(
        database_url=database_url,
        host=read.text("HOST", "127.0.0.1"),
        port=read.integer("PORT", 8000, 1, 65_535),
        reuse_port=read.choice("REUSE_PORT", "0", ("0", "1")) == "1",
        instance=read.text("INSTANCE", "replica-1"),
        stack_id=read.text("STACK_ID", ""),
        admin_token=read.text("ADMIN_TOKEN", "") or None,
        client="naive" if client == "naive" else "tuned",
        pool_size=read.integer("POOL_SIZE", 8, 1, 200),
        password_cost=read.integer("PASSWORD_COST", 15, 1, 20),
        session_hours=read.integer("SESSION_HOURS", 12, 1, 24 * 365),
        review_above_fen=read.integer("REVIEW_ABOVE_FEN", 2_000_000, 0, 10**15),
        deadline_ms=read.integer("DEADLINE_MS", 1_700, 50, 60_000),
        log=read.text("LOG", "-"),
        bureau_url=read.text("BUREAU_URL", ""),
        bureau_token=read.text("BUREAU_TOKEN", "") or None,
        score_max_age_s=read.integer("SCORE_MAX_AGE_S", 24 * 3600, 0, 365 * 24 * 3600),
        defects=read.names("DEFECT"),
    )
    if any(not character.isprintable() for character in settings.instance + settings.stack_id):
        read.problems.append("LENDING_INSTANCE and LENDING_STACK_ID must be printable text")
    if settings.bureau_url and not _BUREAU_URL.fullmatch(settings.bureau_url):
        read.problems.append(f"{PREFIX}BUREAU_URL must be http://host:port")
    if read.problems:
        raise SettingsError(read.problems)
    return settings
