"""JSON from elsewhere: what could break whoever reads it is refused with one reason."""

import json

import pytest

from harness.core import documents
from harness.core.documents import DEPTH_MAX, json_of

DEEP = 100_000
WRONG = {
    "deep lists": ("[" * DEEP, "nested too deeply"),
    "deep lists that end": ("[" * DEEP + "]" * DEEP, "nested too deeply"),
    "deep objects": ('{"a":' * DEEP, "nested too deeply"),
    "a little too deep": ("[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1), "nested too deeply"),
    "NaN": ('{"a": NaN}', "NaN is no number"),
    "minus infinity": ("-Infinity", "-Infinity is no number"),
    "a large float": ("1e30", "no number that anything"),
    "a float without end": ("1e400", "no number that anything"),
    "a long integer": ("9" * 31, "no number that anything"),
    "an integer longer than Python takes": ("9" * 5000, "no number that anything"),
    "a long negative integer": ("-" + "9" * 5000, "no number that anything"),
    "nothing": ("", "Expecting value"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("kind", [str, str.encode])
def test_what_no_document_of_ours_has_is_no_document(name: str, kind: type) -> None:
    """As text and as bytes, and always in the same way."""
    text, reason = WRONG[name]
    with pytest.raises(ValueError, match=reason):
        json_of(kind(text))


def test_bytes_that_are_no_text_are_no_document() -> None:
    """Whatever Python's reader says of it."""
    with pytest.raises(ValueError, match=r"\w"):
        json_of(b'"\xff"')


def test_everything_else_is_read_as_it_is() -> None:
    """Deep as far as may be, long, and with numbers of every sensible size."""
    body = {
        "a": [1, -(10**18), 1.5e-300, 1e29, True, None, "ü\ud800"],
        "b": {},
        "c": list("[{" * 99),
    }
    nested = json.loads("[" * DEPTH_MAX + "]" * DEPTH_MAX)

    assert json_of(json.dumps(body)) == body
    assert json_of(json.dumps(nested).encode()) == nested


def test_a_document_longer_than_any_of_ours_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is told."""
    monkeypatch.setattr(documents, "DOCUMENT_BYTES_MAX", 10)
    with pytest.raises(ValueError, match="longer than 10 bytes"):
        json_of(b"[1, 2, 3, 4]")
