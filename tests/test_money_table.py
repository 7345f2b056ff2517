"""Every cell of the money table, and the page that shows it."""

from pathlib import Path

import pytest

from harness.verdict.money_table import Money, MoneyRow, Told, judged

PAGE = Path(__file__).parent.parent / "docs" / "money.md"
STATUSES = (
    *("disbursed", "under_review", "approved", "declined", "cancelled", "repaid"),
    *("written_off", "failed", "DISBURSED", "", None),
)
LETTERS = {"R": Money.RIGHT, "C": Money.CORRUPT, "P": Money.PHANTOM, "L": Money.LOST}
_REFUSED = {
    "no row": "R",
    "disbursed": "CCPP",
    "under_review": "CPPP",
    "approved": "CPPP",
    "declined": "CRPP",
    "cancelled": "CRPP",
    None: "CRPP",
    "any other": "CCPP",
}
CELLS: dict[Told, dict[str | None, str]] = {
    Told.APPROVED: {"no row": "L", "disbursed": "CCRR", None: "CCRR", "any other": "CCCC"},
    Told.REFERRED: {"no row": "L", "under_review": "CRCC", None: "CRCC", "any other": "CCCC"},
    Told.DECLINED: _REFUSED,
    Told.REFUSED: _REFUSED,
    Told.NEVER_SENT: {
        "no row": "R",
        "under_review": "CPPP",
        "approved": "CPPP",
        "any other": "CCPP",
    },
    Told.UNKNOWN: {
        "no row": "R",
        "disbursed": "CCRR",
        "under_review": "CRCC",
        "approved": "CRCC",
        "declined": "CRCC",
        "cancelled": "CRCC",
        None: "CRRR",
        "any other": "CCCC",
    },
}
"""By status: what -1, 0, 1 and 2 payouts make of a row."""
PAYOUTS = (-1, 0, 1, 2)


def expected(told: Told, status: str | None, payouts: int) -> Money:
    """The cell as written above."""
    cells = CELLS[told]
    return LETTERS[cells.get(status, cells["any other"])[PAYOUTS.index(payouts)]]


@pytest.mark.parametrize("told", Told)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("payouts", PAYOUTS)
def test_every_cell(told: Told, status: str | None, payouts: int) -> None:
    """Told, status and payouts decide; an unknown status is right nowhere."""
    assert judged(told, MoneyRow(status, payouts)) is expected(told, status, payouts)


@pytest.mark.parametrize("told", Told)
@pytest.mark.parametrize("decides_reviews", [False, True])
@pytest.mark.parametrize("repaid", [False, True])
def test_no_row(told: Told, decides_reviews: bool, repaid: bool) -> None:
    """Only whoever was told of a loan misses it."""
    found = judged(told, None, decides_reviews=decides_reviews, repaid=repaid)

    assert found is LETTERS[CELLS[told]["no row"]]


@pytest.mark.parametrize("told", Told)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("payouts", PAYOUTS)
def test_a_target_that_decides_reviews(told: Told, status: str | None, payouts: int) -> None:
    """Whoever was told 202 may have been paid, promised, declined or cancelled; no one else."""
    found = judged(told, MoneyRow(status, payouts), decides_reviews=True)
    decided = {("declined", 0), ("cancelled", 0), ("approved", 0), ("disbursed", 1), (None, 1)}

    if told is Told.REFERRED and (status, min(payouts, 1)) in decided:
        assert found is Money.RIGHT
    else:
        assert found is expected(told, status, payouts)


@pytest.mark.parametrize("told", Told)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("payouts", PAYOUTS)
@pytest.mark.parametrize("decides_reviews", [False, True])
def test_a_loan_that_the_run_repaid(
    told: Told, status: str | None, payouts: int, decides_reviews: bool
) -> None:
    """Repaid is right where disbursed is, and nothing else changes."""
    found = judged(told, MoneyRow(status, payouts), repaid=True, decides_reviews=decides_reviews)
    paid = status == "repaid" and payouts > 0
    like = MoneyRow("disbursed" if paid else status, payouts)

    assert found is judged(told, like, decides_reviews=decides_reviews)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("payouts", PAYOUTS)
def test_what_is_committed(status: str | None, payouts: int) -> None:
    """Paid out, or reserved to be."""
    reserved = status in ("under_review", "approved") and payouts == 0

    assert MoneyRow(status, payouts).committed is (payouts > 0 or reserved)


COLUMNS: dict[str, list[MoneyRow | None]] = {
    "no row": [None],
    "`disbursed`, 1 payout": [MoneyRow("disbursed", 1), MoneyRow("disbursed", 2)],
    "`under_review`, 0": [MoneyRow("under_review", 0)],
    "`approved`, 0": [MoneyRow("approved", 0)],
    "`declined` or `cancelled`, 0": [MoneyRow("declined", 0), MoneyRow("cancelled", 0)],
}
"""The page's columns; every other row belongs to one of the last two."""
OTHERS = [
    row
    for status in STATUSES
    for payouts in PAYOUTS
    if status is not None
    and (row := MoneyRow(status, payouts)) not in [r for rows in COLUMNS.values() for r in rows]
]
COLUMNS |= {
    "any other row with a payout": [row for row in OTHERS if row.payouts > 0],
    "any other row": [row for row in OTHERS if row.payouts <= 0],
}


def lines_of_page() -> list[list[str]]:
    """The lines of the page's table, its head first, each as its cells."""
    _, found, rest = PAGE.read_text(encoding="utf-8").partition("## Told against the ledger")
    assert found
    lines = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_is_the_function() -> None:
    """Every cell of docs/money.md, for every row that it stands for."""
    head, _, *lines = lines_of_page()
    names = [line[0] for line in lines]

    assert head == ["told", *COLUMNS]
    assert sorted(names) == sorted([*Told, "referred, reviews are decided"])
    for name, *cells in lines:
        told, decides = Told(name.partition(",")[0]), "," in name
        for column, cell in zip(head[1:], cells, strict=True):
            found = {str(judged(told, row, decides_reviews=decides)) for row in COLUMNS[column]}
            assert found == {cell}, (name, column)
