"""Credit scores in a file of SQLite, so that they outlive the process."""

import sqlite3
from collections.abc import Mapping

BUSY_SECONDS = 2.0

CREATE = """
    CREATE TABLE IF NOT EXISTS score (
        account_id TEXT PRIMARY KEY,
        score INTEGER NOT NULL
    ) WITHOUT ROWID
"""
READ = "SELECT score FROM score WHERE account_id = ?"
ADD = "INSERT INTO score (account_id, score) VALUES (?, ?) ON CONFLICT DO NOTHING"
SET = """
    INSERT INTO score (account_id, score) VALUES (?, ?)
    ON CONFLICT (account_id) DO UPDATE SET score = excluded.score
"""


class ScoreStore:
    """The scores the bureau knows, by account id. ``path`` may be ``:memory:``.

    What was written survives the end of the process, however it ends; the failure of the whole
    machine may cost the last writes.

    Raises:
        sqlite3.Error: when the file cannot be used.
    """

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        # A log beside the file: a write costs no wait for the disk, and still none is lost when
        # the process is killed.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(CREATE)

    def read(self, account_id: str) -> int | None:
        """The score of an account; None if the bureau does not know it."""
        row = self._connection.execute(READ, (account_id,)).fetchone()
        return None if row is None else int(row[0])

    def add(self, scores: Mapping[str, int]) -> None:
        """Takes up accounts, all or none; those that are known keep their score."""
        self._write(ADD, scores)

    def set(self, account_id: str, score: int) -> None:
        """Gives an account this score from now on."""
        self._write(SET, {account_id: score})

    def _write(self, statement: str, scores: Mapping[str, int]) -> None:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, scores.items())

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
