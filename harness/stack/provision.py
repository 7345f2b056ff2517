"""The programs a stack needs, both got at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness.stack.postgres_binaries import PostgresBinaries, find_postgres
from harness.stack.toxiproxy_binary import ToxiproxyBinary, provide_toxiproxy


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL and Toxiproxy, ready to be started."""

    postgres: PostgresBinaries
    toxiproxy: ToxiproxyBinary


def provision_all(progress: Callable[[str], None]) -> Programs:
    """Finds, builds or downloads what is missing.

    Args:
        progress: Told in one line what takes long; called from other threads.

    Raises:
        HarnessError: Something cannot be got; the message lists all ways to get it.
    """
    with ThreadPoolExecutor(2, thread_name_prefix="provision") as pool:
        postgres = pool.submit(find_postgres)
        toxiproxy = pool.submit(provide_toxiproxy, progress)
        return Programs(postgres.result(), toxiproxy.result())
