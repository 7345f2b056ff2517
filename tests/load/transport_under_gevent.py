"""Asks one server that answers and one that hangs up, under gevent and with many files open."""

from gevent import monkey

monkey.patch_all()

import resource  # noqa: E402  # after patching, as in the load process
import sys  # noqa: E402

import gevent  # noqa: E402

from harness.target.transport import Transport  # noqa: E402

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4000, hard), hard))
files = [open("/dev/null") for _ in range(1100)]  # noqa: PTH123, SIM115  # kept open on purpose
new_poll = monkey.get_original("select", "poll")
good, bad = (Transport(url, new_poll) for url in sys.argv[1:])

answers = [good.request("GET", "/", {}, b"", 5.0) for _ in range(50)]
assert [a.connection_reused for a in answers] == [False] + [True] * 49
assert good._pool._idle[0][0].fileno() > 1024

greenlets = [
    gevent.spawn(bad.request, method, "/", {}, b"", 5.0) for method in ("GET", "POST") * 50
]
gevent.joinall(greenlets, raise_error=True)
assert {(g.value.error, g.value.sent) for g in greenlets} == {("end_of_file", True)}
