"""What PostgreSQL's programs say while a cluster is made, without the passwords in it."""

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.stack import postgres
from harness.stack.postgres import ClusterSpec
from harness.stack.processes import RunAs

REPEATS = """#!/bin/sh
echo "ERROR:  syntax error"
echo "STATEMENT:  CREATE ROLE lending LOGIN PASSWORD 'of-the-service' -- of-the-superuser"
exit 1
"""


def test_a_statement_that_is_refused_is_logged_without_its_password(tmp_path: Path) -> None:
    """PostgreSQL repeats what it refuses; neither the log nor the message has the passwords."""
    program = tmp_path / "postgres"
    program.write_text(REPEATS)
    program.chmod(0o700)
    data_dir, log = tmp_path / "data", tmp_path / "log"
    data_dir.mkdir()
    spec = ClusterSpec(
        bin_dir=tmp_path,
        data_dir=data_dir,
        port=1,
        run_as=RunAs(),
        superuser_password="of-the-superuser",
        service_password="of-the-service",
    )
    with pytest.raises(HarnessError) as caught:
        postgres._run(spec, "postgres", [], "", log)

    assert "PASSWORD '(secret)' -- (secret)" in log.read_text()
    assert "of-the-" not in log.read_text() + str(caught.value)
