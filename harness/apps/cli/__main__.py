"""``python -m harness.apps.cli``: the same as `lendchaos`."""

from harness.apps.cli import app

app(prog_name="lendchaos")
