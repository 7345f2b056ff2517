"""JUnit XML: a suite for each scenario, a case for each check, figures as the suite's properties.

Pure. The file is valid against two schemas at once: the one of the Jenkins xUnit plugin and the one
that pytest checks its family ``xunit2`` with. Neither lets a case have properties or name a file,
so both are in its suite. What is missed is a ``failure``, what is not decided an ``error``:
neither is ever green, and neither is skipped. Texts are cut to `MESSAGE_MAX`.
"""

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from harness.report import words
from harness.report.suite import (
    GateCase,
    GateRun,
    GateSuite,
    cases_of,
    cut_message,
    deciding_run,
    no_less_than_zero,
)
from harness.verdict.reasons import NOT_DECIDED
from harness.verdict.types import Judgement, Severity, Verdict

Properties = list[tuple[str, object]]
_ATTACHMENT = "[[ATTACHMENT|"
"""GitLab and Jenkins show the file that is named behind it."""
_TAGS = {Judgement.FAIL: "failure", Judgement.INCONCLUSIVE: "error"}


def to_xml(suites: Sequence[GateSuite]) -> str:
    """The whole file. The time of the runs stands in each suite's last case, so that it adds up."""
    root = ET.Element("testsuites", name="lendchaos")
    for suite, name in zip(suites, class_names(suites), strict=True):
        root.append(_suite(suite, name))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(child.get(name, "0")) for child in root)))
    root.set("time", _time(suite.runs for suite in suites))
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'


def class_names(suites: Iterable[GateSuite]) -> list[str]:
    """One for each suite, all different: ``lendchaos.a.baseline`` for ``a/baseline.py``.

    Jenkins takes what is before the last dot for the package, the rest for the class; GitLab drops
    a case whose class and name it has seen.
    """
    found: list[str] = []
    for suite in suites:
        parts = _clean(suite.name).removesuffix(".py").split("/")
        name = ".".join(["lendchaos", *(part.replace(".", "_") for part in parts if part)])
        twice = sum(other == name or other.startswith(f"{name}#") for other in found)
        found.append(f"{name}#{twice + 1}" if twice else name)
    return found


def _time(runs: Iterable[Iterable[GateRun]]) -> str:
    return f"{sum(run.seconds for several in runs for run in several):.3f}"


def _suite(suite: GateSuite, class_name: str) -> ET.Element:
    cases = cases_of(suite)
    count = {judgement: sum(c.verdict is judgement for c in cases) for judgement in Judgement}
    element = ET.Element(
        "testsuite",
        name=_clean(suite.name),
        tests=str(len(cases)),
        failures=str(count[Judgement.FAIL]),
        errors=str(count[Judgement.INCONCLUSIVE]),
        skipped="0",
        time=_time([suite.runs]),
    )
    begun = [run.verdict.zero_utc for run in suite.runs if run.verdict and run.verdict.zero_utc]
    if begun:
        element.set("timestamp", _clean(begun[0][:19]))
    if suite.file:
        element.set("file", _clean(suite.file))
    listed = ET.SubElement(element, "properties")
    for name, value in [*_of_suite(suite), *(found for case in cases for found in _of_case(case))]:
        if value not in (None, ""):
            text = _clean(repr(value) if isinstance(value, float) else str(value))
            ET.SubElement(listed, "property", name=_clean(name), value=text)
    for case in cases:
        element.append(_case(suite, case, class_name, last=case is cases[-1]))
    return element


def _case(suite: GateSuite, case: GateCase, class_name: str, *, last: bool) -> ET.Element:
    element = ET.Element(
        "testcase",
        classname=class_name,
        name=_clean(case.name),
        time=_time([suite.runs]) if last else "0.000",
    )
    required = _clean(f"Required: {case.meaning}.")
    if case.verdict in _TAGS:
        open_ = case.verdict is Judgement.INCONCLUSIVE
        reason = f"{NOT_DECIDED if open_ else ''}{case.message}".rstrip(".")
        sentence = _clean(f"{reason[:1].upper()}{reason[1:]}.")
        said = ET.SubElement(element, _TAGS[case.verdict], message=sentence, type=case.kind.value)
        # GitLab shows the content and not the attribute, others the attribute first.
        said.text = f"{sentence}\n{required}"
        if case.decides is not None and case.decides.source:
            said.text += f"\n{_clean(f'Limit set in: {case.decides.source}.')}"
        told = _told(suite, case)
    else:
        told = [f"{required} Met: {_clean(case.message)}.", *(_told(suite, case) if last else [])]
    ET.SubElement(element, "system-out").text = "\n".join(told)
    return element


def _told(suite: GateSuite, case: GateCase) -> list[str]:
    """The sentence and where the report is; GitLab shows the picture of a case that is not met."""
    told = [_clean(suite.sentence)]
    told += [f"report: {_clean(report)}" for report in suite.reports]
    if case.verdict is not Judgement.PASS and suite.picture:
        told.append(f"{_ATTACHMENT}{_clean(suite.picture)}]]")
    return told


def _of_case(case: GateCase) -> Properties:
    """The numbers of the run that decides, then of every run where there are several."""
    named: Properties = [(f"{case.name}.{key}", value) for key, value in case.figures.items()]
    if len(case.checks) > 1:
        for number, check in case.checks:
            name, figures = f"run{number}.{case.name}.", ("observed", "low", "high")
            named.append((f"{name}verdict", check.verdict.value))
            named += [(name + figure, getattr(check, figure)) for figure in figures]
    return named


def _of_suite(suite: GateSuite) -> Properties:
    decides = deciding_run(suite)
    found: Properties = [("verdict", suite.verdict.value)]
    if decides is not None and decides.verdict is not None:
        verdict = decides.verdict
        found += [("hypothesis", verdict.hypothesis), ("target", verdict.target)]
    found += [("runs.asked", suite.asked), ("runs.made", len(suite.runs))]
    found += [("runs.stopped", suite.stopped), ("runs.statement", suite.statement)]
    for run in suite.runs:
        name = f"run{run.number}."
        found += [(f"{name}exit_code", run.exit_code), (f"{name}report", suite.report_of(run))]
        if run.verdict is not None:
            found += [(name + key, value) for key, value in _of_run(run.verdict)]
    return found


def _of_run(verdict: Verdict) -> Properties:
    """What people plot over time, and the notes: they tell something and decide nothing."""
    borrow, recovery, ledger = verdict.borrow, verdict.recovery, verdict.reconciliation
    notes: dict[str, list[str]] = {}
    for found in verdict.findings:
        if found.verdict is Severity.NOTE:
            notes.setdefault(found.code, []).append(found.message)
    return [
        ("run_id", verdict.run_id),
        ("seed", verdict.seed),
        ("verdict", verdict.verdict.value),
        ("sentence", verdict.sentence),
        ("operations", borrow.window.operations),
        ("failed", borrow.window.failed),
        ("failed_share", borrow.failed_share),
        ("failed_share_low", borrow.failed_share_low),
        ("failed_share_high", borrow.failed_share_high),
        ("recovery_seconds", no_less_than_zero(recovery.from_heal_s)),
        ("recovery_seconds_low", no_less_than_zero(recovery.from_heal_s_low)),
        ("recovery_seconds_high", no_less_than_zero(recovery.from_heal_s_high)),
        ("lost_service_seconds", borrow.lost_service_seconds),
        ("after_warm_up.operations", borrow.operations),
        ("after_warm_up.failed", borrow.failed),
        ("after_warm_up.indeterminate", borrow.indeterminate),
        ("lost", ledger.lost),
        ("duplicated", ledger.duplicated),
        *((f"note.{code}", "; ".join(messages)) for code, messages in notes.items()),
    ]


def _clean(text: str) -> str:
    """Foreign text of a length that a CI can do with, which attaches no file."""
    safe = words.clean(text).replace(_ATTACHMENT, _ATTACHMENT.replace("|", " |"))
    return cut_message(safe)
