"""Workflow commands of GitHub Actions: a line for each check that is not met. Pure.

The runner shows at most ten errors and ten warnings of a step; the last of each kind says how many
more there are, instead of dropping them in silence.
"""

from collections.abc import Sequence

from harness.gates.checks import cut_message
from harness.gates.suite import GateCase, GateSuite, cases_of
from harness.report import words
from harness.verdict import Judgement

SHOWN_MAX = 10
_COMMANDS = {Judgement.FAIL: "error", Judgement.INCONCLUSIVE: "warning"}


def annotations(suites: Sequence[GateSuite]) -> list[str]:
    """The lines: errors of what is missed, then warnings of what is not decided."""
    return [line for verdict in _COMMANDS for line in _of(verdict, suites)]


def _of(verdict: Judgement, suites: Sequence[GateSuite]) -> list[str]:
    found = [(s, case) for s in suites for case in cases_of(s) if case.verdict is verdict]
    shown = found if len(found) <= SHOWN_MAX else found[: SHOWN_MAX - 1]
    lines = [_line(suite, case) for suite, case in shown]
    if len(found) > len(shown):
        more = f"and {len(found) - len(shown)} more: the summary and the JUnit file have them"
        lines.append(f"::{_COMMANDS[verdict]} title=lendchaos::{data(more)}")
    return lines


def _line(suite: GateSuite, case: GateCase) -> str:
    said = words.OBJECTIVE_VERDICT[case.verdict]
    title = property_(words.clean(f"lendchaos {suite.name}: {case.name} {said}"))
    where = f"file={property_(words.clean(suite.file))}," if suite.file else ""
    message = cut_message(words.clean(f"{case.message} ({case.meaning}: {said})"))
    return f"::{_COMMANDS[case.verdict]} {where}title={title}::{data(message)}"


def data(text: str) -> str:
    """A message on one line, so that no part of it is taken for a command of its own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def property_(text: str) -> str:
    """The value of a property: what ends it is escaped, too."""
    return data(text).replace(":", "%3A").replace(",", "%2C")
