"""What others get of a cluster while it is made: no password, and no way to a file of ours."""

import os
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.core.processes import RunAs
from harness.stack.parts import postgres
from harness.stack.parts.postgres import ClusterSpec

REPEATS = """#!/bin/sh
echo "ERROR:  syntax error"
echo "STATEMENT:  CREATE ROLE lending LOGIN PASSWORD 'of-the-service' -- of-the-superuser"
exit 1
"""


def a_spec(bin_dir: Path, data_dir: Path, run_as: RunAs) -> ClusterSpec:
    """A cluster that is to be made."""
    return ClusterSpec(
        bin_dir=bin_dir,
        data_dir=data_dir,
        port=1,
        run_as=run_as,
        superuser_password="of-the-superuser",
        service_password="of-the-service",
    )


def test_a_statement_that_is_refused_is_logged_without_its_password(tmp_path: Path) -> None:
    """PostgreSQL repeats what it refuses; neither the log nor the message has the passwords."""
    program = tmp_path / "postgres"
    program.write_text(REPEATS)
    program.chmod(0o700)
    data_dir, log = tmp_path / "data", tmp_path / "log"
    data_dir.mkdir()
    spec = a_spec(tmp_path, data_dir, RunAs())
    with pytest.raises(HarnessError) as caught:
        postgres._run(spec, "postgres", [], "", log)

    assert "PASSWORD '(secret)' -- (secret)" in log.read_text()
    assert "of-the-" not in log.read_text() + str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
@pytest.mark.parametrize("name", ["harness.conf", "postgresql.conf", "pg_hba.conf"])
def test_root_writes_through_no_link_of_the_servers_user(name: str, tmp_path: Path) -> None:
    """Whatever else runs as that user (`nobody`) can put one into the server's own folder."""
    spec = a_spec(tmp_path, tmp_path / "data", RunAs(uid=65534, gid=65534))
    precious = tmp_path / "precious"
    precious.write_text("thesis")
    postgres._make_folder(spec)
    (spec.cluster / name).symlink_to(precious)
    with pytest.raises(OSError, match="it is a link"):
        postgres._configure(spec)
    assert (precious.read_text(), precious.stat().st_uid) == ("thesis", 0)
    assert (spec.cluster.stat().st_uid, spec.data_dir.stat().st_uid) == (65534, 0)
