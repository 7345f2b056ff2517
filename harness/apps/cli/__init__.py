"""The command line: `lendchaos run · up · status · heal · down · …`; exits only here."""

from harness.core import early_interrupt

early_interrupt.end_at_once()  # until a command listens; loading takes a while

from harness.core import own_python, standard_streams  # noqa: E402  # see above

own_python.import_installed_first()  # before anything is imported that may lie elsewhere, too
own_python.refuse_shadows()
standard_streams.make_usable()  # before anything asks whether they are terminals

from harness.apps.cli.app import app  # noqa: E402  # as above

__all__ = ["app"]
