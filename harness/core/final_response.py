"""The answer that counts: interim answers (1xx) come before it, and decide nothing."""

import http.client

INTERIM_ANSWERS_MAX = 100


class FinalResponse(http.client.HTTPResponse):
    """For ``response_class`` of a connection: http.client skips 100 alone, this every 1xx."""

    def begin(self) -> None:
        """Read status and headers."""
        super().begin()
        skipped = 0
        while 100 <= self.status < 200 and skipped < INTERIM_ANSWERS_MAX:  # noqa: PLR2004
            skipped += 1
            self.headers = None  # type: ignore[assignment]  # the stdlib's own sign of "not begun"
            super().begin()
