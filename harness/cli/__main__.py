"""``python -m harness.cli``: the same as `lendchaos`."""

from harness.cli import app

app(prog_name="lendchaos")
