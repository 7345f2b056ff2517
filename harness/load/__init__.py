"""The load process: open arrivals inside Locust; the only home of locust and gevent."""

from harness import standard_streams

standard_streams.make_usable()  # before Locust opens what would take a closed one's place
