"""The real conductor, which also tells a test every password and session token that it uses.

Run as ``python -m tests.live.telling_conductor``; `TOLD` names the file they are appended to.
"""

import os
import sys
from typing import Any

from harness.run import conductor
from harness.target.account_provisioning import AccountProvisioner, ProvisionedBorrower

TOLD = "TEST_TOLD_SECRETS"


def tell(*secrets: str) -> None:
    """Append secrets, a line each, in one write."""
    with open(os.environ[TOLD], "a") as file:  # noqa: PTH123  # load processes do it alike
        file.write("".join(f"{secret}\n" for secret in secrets if secret))


_open_session = AccountProvisioner._open_session


def _open_session_and_tell(self: AccountProvisioner, *arguments: Any) -> ProvisionedBorrower:
    borrower = _open_session(self, *arguments)
    tell(borrower.password, borrower.token)
    return borrower


if __name__ == "__main__":
    AccountProvisioner._open_session = _open_session_and_tell  # type: ignore[method-assign]
    sys.exit(conductor.main())
