"""The bureau's settings, read once from environment variables that start with ``LENDING_``."""

from collections.abc import Mapping
from dataclasses import dataclass

from target_service.settings import Reader, SettingsError


@dataclass(frozen=True, slots=True)
class BureauSettings:
    """Everything the bureau needs to know. Without ``token`` it answers everybody."""

    host: str = "127.0.0.1"
    port: int = 8100
    instance: str = "bureau"
    stack_id: str = ""
    token: str | None = None
    store: str = ":memory:"


def read_bureau_settings(environ: Mapping[str, str]) -> BureauSettings:
    """Settings from ``environ``.

    Raises:
        SettingsError: naming every bad value at once.
    """
    read = Reader(environ)
    settings = BureauSettings(
        host=read.text("HOST", "127.0.0.1"),
        port=read.integer("PORT", 8100, 1, 65_535),
        instance=read.text("INSTANCE", "bureau"),
        stack_id=read.text("STACK_ID", ""),
        token=read.text("BUREAU_TOKEN", "") or None,
        store=read.text("BUREAU_STORE", ":memory:"),
    )
    if read.problems:
        raise SettingsError(read.problems)
    return settings
