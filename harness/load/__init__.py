"""The load process: open arrivals inside Locust; the only home of locust and gevent."""
