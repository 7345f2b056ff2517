"""JUnit XML: a suite for each scenario, a case for each check, the numbers as properties. Pure.

The shape is the one that pytest writes (its family ``xunit2``), which Jenkins, GitLab and the
actions for GitHub read; beside it only ``file`` of a case, which GitLab shows. What is missed is a
``failure``, what is not decided an ``error``: neither is ever green, and neither is skipped.
"""

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from harness.gates.suite import GateCase, GateRun, GateSuite, cases_of, deciding_run
from harness.report import words
from harness.verdict import Judgement, Verdict, Weight

Properties = list[tuple[str, object]]
_ATTACHMENT = "[[ATTACHMENT|"
"""GitLab and Jenkins show the file that is named behind it."""


def to_xml(suites: Sequence[GateSuite]) -> str:
    """The whole file. The time of the runs stands in each suite's last case, so that it adds up."""
    root = ET.Element("testsuites", name="lendchaos")
    for suite in suites:
        root.append(_suite(suite))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(child.get(name, "0")) for child in root)))
    root.set("time", _time(suite.runs for suite in suites))
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'


def _time(runs: Iterable[Iterable[GateRun]]) -> str:
    return f"{sum(run.seconds for several in runs for run in several):.3f}"


def _suite(suite: GateSuite) -> ET.Element:
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
    _properties(element, _of_suite(suite))
    for case in cases:
        element.append(_case(suite, case, last=case is cases[-1]))
    return element


def _case(suite: GateSuite, case: GateCase, *, last: bool) -> ET.Element:
    element = ET.Element(
        "testcase",
        classname=_clean(f"lendchaos.{suite.name}"),
        name=_clean(case.name),
        time=_time([suite.runs]) if last else "0.000",
    )
    if suite.file:
        element.set("file", _clean(suite.file))
    _properties(element, _of_case(case))
    tags = {Judgement.FAIL: "failure", Judgement.INCONCLUSIVE: "error"}
    if case.verdict in tags:
        said = ET.SubElement(
            element, tags[case.verdict], message=_clean(case.message), type=case.kind.value
        )
        # GitLab shows the content and not the attribute, others the attribute first.
        said.text = _clean(f"{case.meaning}: {words.OBJECTIVE_VERDICT[case.verdict]}.")
        said.text += f"\n{_clean(case.message)}"
        if case.decides is not None and case.decides.source:
            said.text += f"\nlimit set in: {_clean(case.decides.source)}"
    told = _told(suite, case)
    if told and (last or case.verdict in tags):
        ET.SubElement(element, "system-out").text = "\n".join(told)
    return element


def _told(suite: GateSuite, case: GateCase) -> list[str]:
    """The sentence and where the report is; GitLab shows the picture of a case that is not met."""
    told = [_clean(suite.sentence)]
    told += [f"report: {_clean(run.report)}" for run in suite.runs if run.report]
    decides = deciding_run(suite)
    if case.verdict is not Judgement.PASS and decides is not None and decides.picture:
        told.append(f"{_ATTACHMENT}{_clean(decides.picture)}]]")
    return told


def _properties(element: ET.Element, properties: Properties) -> None:
    """Those that have a value."""
    known = [(name, value) for name, value in properties if value not in (None, "")]
    if not known:
        return
    parent = ET.SubElement(element, "properties")
    for name, value in known:
        text = repr(value) if isinstance(value, float) else str(value)
        ET.SubElement(parent, "property", name=_clean(name), value=_clean(text))


def _of_case(case: GateCase) -> Properties:
    """The numbers of the run that decides, then of every run where there are several."""
    found: Properties = [("verdict", case.verdict.value)]
    if case.decides is not None:
        check = case.decides
        found += [("observed", check.observed), ("low", check.low), ("high", check.high)]
        found += [("limit", check.limit), ("source", check.source)]
    if len(case.checks) > 1:
        for number, check in case.checks:
            found += [
                (f"run{number}.verdict", check.verdict.value),
                (f"run{number}.observed", check.observed),
                (f"run{number}.low", check.low),
                (f"run{number}.high", check.high),
            ]
    return found


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
        found += [(f"{name}exit_code", run.exit_code), (f"{name}report", run.report)]
        if run.verdict is not None:
            found += [(name + key, value) for key, value in _of_run(run.verdict)]
    return found


def _of_run(verdict: Verdict) -> Properties:
    """What people plot over time, and the notes: they tell something and decide nothing."""
    borrow, recovery, ledger = verdict.borrow, verdict.recovery, verdict.reconciliation
    notes = [(f"note.{f.code}", f.message) for f in verdict.findings if f.verdict is Weight.NOTE]
    return [
        ("run_id", verdict.run_id),
        ("seed", verdict.seed),
        ("verdict", verdict.verdict.value),
        ("sentence", verdict.sentence),
        ("operations", borrow.operations),
        ("failed", borrow.failed),
        ("failed_share", borrow.failed_share),
        ("failed_share_low", borrow.failed_share_low),
        ("failed_share_high", borrow.failed_share_high),
        ("recovery_seconds", recovery.from_heal_s),
        ("recovery_seconds_low", recovery.from_heal_s_low),
        ("recovery_seconds_high", recovery.from_heal_s_high),
        ("lost_service_seconds", borrow.lost_service_seconds),
        ("indeterminate", borrow.indeterminate),
        ("lost", ledger.lost),
        ("duplicated", ledger.duplicated),
        *notes,
    ]


def _clean(text: str) -> str:
    """Foreign text, which attaches no file."""
    return words.clean(text).replace(_ATTACHMENT, _ATTACHMENT.replace("|", " |"))
