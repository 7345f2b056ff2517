"""Network namespaces: found out without leaving anything, and given addresses of their own."""

import ipaddress
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.stack import StackSettings
from harness.stack import namespaces as spaces
from harness.stack.namespaces import Wire
from tests import lacking

OPEN_FILES = Path("/proc/self/fd")
WIRE = Wire(device="lc0123", block="198.18.7.32", port=5432)


@pytest.fixture
def _programs() -> None:
    """Those that make namespaces."""
    lacking.require_programs()


def test_a_kernel_without_nftables_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial tries the very rule that a fault needs."""
    lacking.require_namespaces()
    monkeypatch.setattr(spaces, "_TRIAL_RULES", "table inet trial { no such thing }")

    why_not = spaces.why_not()

    assert why_not is not None
    assert why_not.startswith("this kernel cannot drop packets in a network namespace (")


def test_the_trial_leaves_nothing() -> None:
    """Neither an open namespace nor the device that was tried inside it."""
    files = len(list(OPEN_FILES.iterdir()))

    for _ in range(3):
        spaces.why_not()

    assert len(list(OPEN_FILES.iterdir())) == files
    assert not Path("/sys/class/net/trial").exists()


GREEN = """\
from gevent import monkey
monkey.patch_all()
import os
from harness.stack import namespaces
before = os.readlink("/proc/self/ns/net")
print(namespaces.why_not())
assert os.readlink("/proc/self/ns/net") == before
"""


def test_whoever_tries_stays_where_they_are() -> None:
    """In Locust's process too, whose threads are none: the whole of it would move."""
    lacking.require_namespaces()
    done = subprocess.run(
        [sys.executable, "-c", GREEN], capture_output=True, text=True, check=False, timeout=30
    )

    assert (done.returncode, done.stdout) == (0, "None\n"), done.stderr


def test_the_addresses_of_a_wire_are_its_own() -> None:
    """The service and the harness have different ways in, so that a fault hits only one."""
    hosts = {WIRE.near_host, WIRE.far_host, WIRE.aside_host}

    assert len(hosts) == 3
    assert all(ipaddress.ip_address(h) in ipaddress.ip_network(f"{WIRE.block}/28") for h in hosts)
    assert WIRE.address == f"{WIRE.far_host}:5432"


@pytest.mark.usefixtures("_programs")
def test_a_planned_wire_is_named_after_its_stack() -> None:
    """In what the kernel allows for a name, with addresses that nobody routes to."""
    wires = spaces.plan_wires("0123456789abcdef", {"database": 5432, "bureau": 8100})

    assert {name: (wire.device, wire.port) for name, wire in wires.items()} == {
        "database": ("lc0123456789ad", 5432),
        "bureau": ("lc0123456789ab", 8100),
    }
    assert wires["database"].block != wires["bureau"].block
    for wire in wires.values():
        assert len(wire.device) <= 15
        assert ipaddress.ip_address(wire.block) in ipaddress.ip_network("198.18.0.0/15")


@pytest.mark.usefixtures("_programs")
def test_addresses_in_use_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this machine has a route already, there is no block left."""
    monkeypatch.setattr(spaces, "BENCHMARK_NETWORK", ipaddress.ip_network("127.0.0.0/24"))

    with pytest.raises(HarnessError, match="a route for every block of 127"):
        spaces.plan_wires("0123", {"database": 5432})


def test_a_stack_without_is_another_stack() -> None:
    """Neither is taken for the other, as each offers what the other lacks."""
    with_them, without = StackSettings(namespaces=True), StackSettings()

    assert not with_them.accepts(without)
    assert not without.accepts(with_them)
    assert with_them.accepts(StackSettings(namespaces=True))
