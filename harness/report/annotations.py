"""Workflow commands of GitHub Actions: a line for each check that is not met. Pure.

Each is an error: a check that is not decided stops the pipeline as one that is missed does. The
runner shows at most ten errors of a step; the last says how many more there are, instead of
dropping them in silence.
"""

from collections.abc import Sequence

from harness.report import words
from harness.report.run_checks import cut_message
from harness.report.suite import GateCase, GateSuite, cases_of
from harness.verdict.types import Judgement

SHOWN_MAX = 10
_WORST_FIRST = (Judgement.FAIL, Judgement.INCONCLUSIVE)


def annotations(suites: Sequence[GateSuite]) -> list[str]:
    """The lines: what is missed, then what is not decided."""
    cases = [(suite, case) for suite in suites for case in cases_of(suite)]
    found = [pair for verdict in _WORST_FIRST for pair in cases if pair[1].verdict is verdict]
    shown = found if len(found) <= SHOWN_MAX else found[: SHOWN_MAX - 1]
    lines = [_line(suite, case) for suite, case in shown]
    if len(found) > len(shown):
        more = f"and {len(found) - len(shown)} more: the summary and the JUnit file have them"
        lines.append(f"::error title=lendchaos::{data(more)}")
    return lines


def _line(suite: GateSuite, case: GateCase) -> str:
    said = words.OBJECTIVE_VERDICT[case.verdict]
    title = property_(words.clean(f"lendchaos {suite.name}: {case.name} {said}"))
    where = f"file={property_(words.clean(suite.file))}," if suite.file else ""
    message = cut_message(words.clean(f"{case.message}. Required: {case.meaning}."))
    return f"::error {where}title={title}::{data(message)}"


def data(text: str) -> str:
    """A message on one line, so that no part of it is taken for a command of its own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def property_(text: str) -> str:
    """The value of a property: what ends it is escaped, too."""
    return data(text).replace(":", "%3A").replace(",", "%2C")
