"""Who may look at the pages that break things, and who may give orders.

Pure. A token made anew in every process is printed in the terminal once, as the fragment of the
page's address: browsers never send a fragment, so that it stands in no request line and no log. The
page exchanges it for a cookie that no script can read and that no other site can make a browser
send.
"""

import hmac
import secrets
from dataclasses import dataclass

TOKEN_BYTES = 32


class Token:
    """The secret of this process; it never shows itself by accident."""

    def __init__(self) -> None:
        self._value = secrets.token_urlsafe(TOKEN_BYTES)

    def reveal(self) -> str:
        """The token itself, for the terminal and the cookie."""
        return self._value

    def matches(self, candidate: object) -> bool:
        """Compare in constant time; anything but the right text is wrong."""
        if not isinstance(candidate, str):
            return False
        # Half a surrogate pair has no encoding of its own, and is no token either.
        given = candidate.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(given, self._value.encode())


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What decides of a request. ``address`` is scheme, host and port that it was sent to."""

    address: str
    origin: str | None
    fetch_site: str | None
    """``Sec-Fetch-Site``, which newer browsers send and no script can change."""
    token: object


def may_not_look(asked: PageRequest, token: Token) -> str | None:
    """Why this request gets no answer; None if it does.

    A page on another port of this machine is of the same site: a browser sends the cookie along.
    """
    if not token.matches(asked.token) or asked.fetch_site not in (None, "none", "same-origin"):
        return (
            "This page needs the token: open the address with #token= that the terminal shows"
            " where Locust was started; scripts send it as X-Lendchaos-Token."
        )
    return None


def may_not_order(asked: PageRequest, token: Token) -> str | None:
    """Why this request changes nothing; None if it may.

    A browser that says itself where a request comes from is believed before its Origin, whose
    scheme is another one behind a proxy with TLS.
    """
    own = asked.origin == asked.address
    if not (own if asked.fetch_site is None else asked.fetch_site == "same-origin"):
        return "Orders are taken from this page only: the request's Origin is not this page."
    return may_not_look(asked, token)
