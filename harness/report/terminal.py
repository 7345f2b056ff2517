"""The verdict in a terminal: what it is, why, and where to read more."""

from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.report import words
from harness.report.tiles import tiles
from harness.verdict import Judgement, Verdict, Weight

_COLOUR = {
    Judgement.PASS: "bold white on green4",
    Judgement.FAIL: "bold white on dark_red",
    Judgement.INCONCLUSIVE: "bold black on yellow3",
}
_TONE = {"fail": "bold red", "inconclusive": "yellow", "impact": "bold"}


def render(verdict: Verdict, report_path: str, width: int = 100, color: bool = True) -> str:
    """A summary of some twenty lines; ``color`` False leaves out every escape sequence."""
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
    head = Text(f" {words.VERDICT[verdict.verdict]} ", style=_COLOUR[verdict.verdict])
    console.print(head, Text(words.clean(verdict.scenario), style="bold"))
    console.print(Text(words.clean(verdict.sentence)))
    console.print(_figures(verdict))
    for line in _reasons(verdict):
        console.print(line)
    # Paths stay on one line each, so that they can be clicked and copied.
    console.print(Text(f"report   {words.clean(report_path)}"), soft_wrap=True)
    beside = report_path.rpartition("/")[0]
    console.print(
        Text(f"figures  {words.clean(f'{beside}/' if beside else '')}verdict.json"), soft_wrap=True
    )
    return out.getvalue()


def _figures(verdict: Verdict) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", overflow="fold")
    table.add_column(overflow="fold")
    for tile in tiles(None, verdict):
        table.add_row(
            Text(tile.name),
            Text(tile.figure, style=_TONE.get(tile.tone, "bold")),
            Text("; ".join(tile.notes), style="dim"),
        )
    return table


def _reasons(verdict: Verdict) -> list[Text]:
    """Missed and undecided objectives, then findings that count."""
    said = []
    for result in verdict.objectives:
        if result.verdict is Judgement.PASS:
            continue
        write = words.unit_of(result.id)
        between = words.interval(result.low, result.high, write)
        said.append(
            Text.assemble(
                (f"{words.OBJECTIVE_VERDICT[result.verdict]:<12} ", _TONE[result.verdict.value]),
                f"{words.clean(result.id)}: {write(result.observed)}"
                f" (interval {between}), at most {write(result.limit)}",
            )
        )
    for weight in (Weight.FAIL, Weight.INCONCLUSIVE):
        said += [
            Text.assemble(
                (f"{words.WEIGHT[weight]:<12} ", _TONE[weight.value]),
                f"{words.clean(found.code)}: {words.clean(found.message)}",
            )
            for found in verdict.findings
            if found.verdict is weight
        ]
    return said
