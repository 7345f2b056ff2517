"""The verdict in a terminal: what it is, why, and where to read more."""

from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.core.money import Currency
from harness.report import words
from harness.report.tiles import after_heal, tiles
from harness.verdict.reasons import NOT_DECIDED, about
from harness.verdict.types import Judgement, Severity, Verdict

COLOUR = {
    Judgement.PASS: "bold white on green4",
    Judgement.FAIL: "bold white on dark_red",
    Judgement.INCONCLUSIVE: "bold black on yellow3",
}
_TONE = {"fail": "bold red", "inconclusive": "yellow", "impact": "bold"}
_Line = tuple[str, str, str]
"""A word, its style, and what is said under it."""


def render(
    verdict: Verdict,
    report_path: str,
    width: int = 100,
    color: bool = True,
    currency: Currency | None = None,
) -> str:
    """A summary of some twenty lines; ``color`` False leaves out every escape sequence.

    Without a ``report_path`` nothing was written that could be named. ``currency`` is that of the
    target; where it is not known, money is in minor units.
    """
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    head = Text(f" {words.VERDICT[verdict.verdict]} ", style=COLOUR[verdict.verdict])
    console.print(head, Text(words.cut(words.clean(verdict.scenario), 80), style="bold"))
    console.print(Text(words.cut(words.clean(verdict.sentence), 800)))
    console.print(_figures(verdict, currency))
    for word, style, text in (*_reasons(verdict), *_remarks(verdict)):
        console.print(Text.assemble((f"{word:<12} ", style), text))
    if not report_path:
        return out.getvalue()
    # Paths stay on one line each, so that they can be clicked and copied.
    console.print(Text(f"report   {words.clean(report_path)}"), soft_wrap=True)
    folder, slash, name = report_path.rpartition("/")
    beside = name.replace("report", "verdict", 1).removesuffix(".html")
    console.print(Text(f"figures  {words.clean(f'{folder}{slash}{beside}')}.json"), soft_wrap=True)
    return out.getvalue()


def _figures(verdict: Verdict, currency: Currency | None) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", overflow="fold")
    table.add_column(overflow="fold")
    for tile in tiles(None, verdict, currency):
        table.add_row(
            Text(tile.name),
            Text(tile.figure, style=_TONE.get(tile.tone, "bold")),
            Text("; ".join(tile.notes), style="dim"),
        )
    return table


def _reasons(verdict: Verdict) -> list[_Line]:
    """Missed and undecided objectives, then findings that count."""
    open_ = [result for result in verdict.objectives if result.verdict is not Judgement.PASS]
    told = [about(result) for result in open_]
    found = []
    for result, text in zip(open_, told, strict=True):
        said = f"{words.cut(words.clean(result.id), 80)}: {words.clean(text)}"
        found.append((words.OBJECTIVE_VERDICT[result.verdict], result.verdict.value, said))
    for severity in (Severity.FAIL, Severity.INCONCLUSIVE):
        found += [
            (severity.value, severity.value, words.clean(f"{one.code}: {one.message}"))
            for one in verdict.findings
            if one.verdict is severity and one.message.removeprefix(NOT_DECIDED) not in told
        ]
    return [(word, _TONE[tone], words.cut(said, 600)) for word, tone, said in found]


def _remarks(verdict: Verdict) -> list[_Line]:
    """What the key figures do not show, where there is anything of it."""
    said = []
    latency, health = verdict.recovery.latency, verdict.health
    if latency is not None and latency.censored:
        said.append(("latency", "nothing shows that it was back to normal when the run ended"))
    elif latency is not None and latency.from_heal_s is not None:
        said.append(("latency", f"back to normal {after_heal(latency.from_heal_s)}"))
    if health is not None and health.green_while_failing_s:
        green = words.seconds(health.green_while_failing_s)
        said.append(("health", f"health check green for {green} while borrowing failed"))
    for deed, who in (("log in", verdict.log_in.affected), ("borrow", verdict.borrow.affected)):
        if who is not None and who.shut_out:
            shut_out = f"{words.count(who.shut_out)} of {words.plural(who.borrowers, 'borrower')}"
            said.append(("shut out", f"{shut_out} could not {deed} from some moment on"))
    return [(name, "bold", text) for name, text in said]
