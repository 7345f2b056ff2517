"""The phrase list of `make lint`: what it finds, what it leaves alone, and that documents pass."""

import re
from pathlib import Path

import pytest

from tests.plain_english import PHRASES, files, finds, main, problems

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
DOCUMENTS = re.findall(r"^PLAIN := (.*)$", MAKEFILE, re.MULTILINE)[0].split()
PLANTED = {
    "The user is told so.": "is told",
    "Whoever heals first": "Whoever",
    "refused with what\nwould do": "what would do",
    "a process of ours": "of ours",
    "nobody answers": "nobody",
    "what somebody else breaks": "somebody",
    "Nothing was broken: none failed": "Nothing was broken",
    "the gate can bite": "bite",
    "the time stands in the report": "stands in the",
    "the listing is said to be whole": "is said to be",
}
CODE = '''"""A module.

It has two lines, and nobody reads the second.
"""

# whoever reads this comment
KIND, NONE = "nobody", "no claim"
TEXT = (
    "one piece, and "
    f"another of ours, {KIND}"
)
'''


@pytest.mark.parametrize("text", PLANTED)
def test_a_planted_phrase_is_found(text: str) -> None:
    """Whatever its case, and across the end of a line; with what to write instead."""
    ((_, phrase, instead),) = finds(text)

    assert phrase == PLANTED[text]
    assert instead in PHRASES.values()


@pytest.mark.parametrize(
    "text",
    [
        "`ended_by` is `nobody`",
        "``of ours`` in code",
        "two outages are told apart",
        "fault_did_not_bite",
        "the seeded order, as every run has it",
    ],
)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    """Names in code letters, and other words."""
    assert list(finds(text)) == []


def test_a_document_is_read_without_links_and_generated_tables(tmp_path: Path) -> None:
    """Each find has its line."""
    page = tmp_path / "page.md"
    page.write_text(
        "[x](a.md#what-nobody-sees)\n<!-- rows:begin -->\nnobody\n<!-- rows:end -->\n"
        "```\nlendchaos heal    # whoever calls it\n```\n"
    )

    assert problems(page) == [f"{page}:6: 'whoever'; write {PHRASES['whoever|whomever']}"]


def test_of_a_program_strings_and_docstrings_are_read(tmp_path: Path) -> None:
    """No comment, and no string that is a value; each find has the line on which it is."""
    module = tmp_path / "module.py"
    module.write_text(CODE)

    assert [line.partition(";")[0] for line in problems(module)] == [
        f"{module}:3: 'nobody'",
        f"{module}:10: 'of ours'",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "\nNobody answers.\n"),
        ("module.py", '\nTEXT = "Nobody answers."\n'),
        ("page.html.j2", "<p>\nNobody answers.</p>\n"),
        ("page.html", "{% if x %}\n<p>Nobody answers.</p>\n"),
        ("page.js", "if (x)\n  say(`Nobody answers.`);\n"),
        ("gate.yaml", "x: 1\n# Nobody answers.\n"),
        ("ci.yml", "x: 1\n# Nobody answers.\n"),
        ("Makefile", "x:\n\t@echo Nobody answers.\n"),
    ],
)
def test_each_kind_of_file_is_read(tmp_path: Path, name: str, text: str) -> None:
    """Its second line has a phrase. A folder is read but for files without an ending."""
    path = tmp_path / name
    path.write_text(text)

    assert problems(path) == [f"{path}:2: 'Nobody'; write {PHRASES['nobody']}"]
    assert list(files([str(tmp_path)])) == ([path] if path.suffix else [])
    assert list(files([str(path)])) == [path]


def test_the_exit_code_says_whether_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 with the line of the phrase, 0 without one; a folder is read whole."""
    (tmp_path / "good.md").write_text("No process answers.\n")
    assert (main([str(tmp_path)]), capsys.readouterr().out) == (0, "")

    (tmp_path / "planted.md").write_text("\nNobody answers.\n")
    assert main([str(tmp_path)]) == 1
    assert f"{tmp_path / 'planted.md'}:2: 'Nobody'; write " in capsys.readouterr().out


def test_make_lint_reads_every_document() -> None:
    """And all of them pass."""
    read = set(files(str(ROOT / name) for name in DOCUMENTS))

    assert "-m tests.plain_english $(PLAIN)" in MAKEFILE
    assert {*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")} <= read
    assert [problem for path in sorted(read) for problem in problems(path)] == []
