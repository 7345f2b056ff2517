"""Which targets the start form may name: the admin token of the environment goes to them."""

from typing import Any
from urllib.parse import urlsplit


class NamedHosts:
    """What was named at the start: by ``--host``, by the scenario, or else by ``--allow-target``.

    A target that is named only in the form, even one on this machine, would be sent an admin token
    that is not its own.
    """

    def __init__(self, environment: Any) -> None:
        users = {*environment.user_classes, *(environment.available_user_classes or {}).values()}
        self._named = {host.rstrip("/") for user in users if (host := user.host)}
        self._allowed: set[str] = set()
        if environment.host:
            self._named.add(environment.host.rstrip("/"))
        else:
            allowed = environment.parsed_options.allow_target
            self._allowed = {name.lower() for name in allowed}

    def objection(self, host: str) -> str | None:
        """Why the form may not name it; None if it may, or names none."""
        if not host or host.rstrip("/") in self._named or self._name(host) in self._allowed:
            return None
        return (
            f"{host} was not named when Locust was started, and would be sent its admin token:"
            " start it with --host, or without and with --allow-target HOST for several"
        )

    def _name(self, host: str) -> str | None:
        try:
            return urlsplit(host).hostname
        except ValueError:
            return None
