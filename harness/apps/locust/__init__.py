"""The load process: open arrivals inside Locust; the only home of locust and gevent."""

from harness.core import own_python, standard_streams

own_python.import_installed_first()  # Locust looks into the user's folders first
own_python.refuse_shadows()
standard_streams.make_usable()  # before Locust opens what would take a closed one's place
