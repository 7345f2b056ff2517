"""A file that was good, damaged: cut, nested, with absurd numbers, foreign words, or no file."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bad_input import values
from benchmarks.bad_input.case import Prepare

DEEP = 100_000
HUGE_BYTES = 40 << 30
"""Of a file with a hole in it, which takes no room."""
_TRIES = 50

Damage = Callable[[Path, random.Random], str]
"""Does it, and says what was done."""


def damaged(name: str, seed: int, times: int = 1) -> Prepare:
    """One or more damages of a file in the working folder; ``name`` may be a pattern."""

    def prepare(folder: Path) -> None:
        chance = random.Random(seed)
        found = sorted(folder.glob(name)) or [folder / name]
        for _ in range(times):
            damage(chance.choice(found), chance)

    return prepare


def damage(path: Path, chance: random.Random) -> str:
    """Damage one file by chance; mostly its content, now and then the file itself."""
    # A link of an earlier damage may lead to what cannot even be read.
    is_plain = path.is_file() and not path.is_symlink()
    how = chance.choice((*_CONTENT, *_CONTENT, *_PLACE) if is_plain else _PLACE)
    return how(path, chance)


# --- the content ---------------------------------------------------------------------------------


def _cut(path: Path, chance: random.Random) -> str:
    body = path.read_bytes()
    path.write_bytes(body[: chance.randrange(len(body) + 1)])
    return "cut"


def _spoilt(path: Path, chance: random.Random) -> str:
    text = path.read_text("utf-8", "surrogateescape")
    path.write_bytes(values.spoilt(text, chance).encode("utf-8", "surrogateescape"))
    return "spoilt"


def _garbage(path: Path, chance: random.Random) -> str:
    garbage: tuple[bytes, ...] = (
        *(b"", b"\0" * 4096, b"\xff\xfe{]\n", b"null\n", b"5\n", b"[1, 2]\n", b'"x"\n', b"{}\n"),
        *(b"[" * DEEP, b'{"a":' * DEEP, b"9" * 5000, b"\n" * 100_000, b"- " * 20_000),
        path.read_text("utf-8", "replace").encode("utf-16"),
    )
    path.write_bytes(chance.choice(garbage))
    return "garbage"


def _littered(path: Path, chance: random.Random) -> str:
    lines = path.read_bytes().splitlines(keepends=True)
    litter = (b"\xff\n", b"[" * DEEP + b"\n", b"{}\n", b"\0\0\n", b"9" * 5000 + b"\n", b"null\n")
    more = lines[chance.randrange(len(lines))] if lines and chance.random() < 0.3 else None
    lines.insert(chance.randrange(len(lines) + 1), more or chance.choice(litter))
    path.write_bytes(b"".join(lines))
    return "littered"


def _absurd(path: Path, chance: random.Random) -> str:
    return _changed(path, chance, _is_number, lambda _: chance.choice(values.NUMBERS))


def _no_number(path: Path, chance: random.Random) -> str:
    """NaN and numbers that JSON's own writer would not write."""
    mark = 918273645546372819
    said = _changed(path, chance, _is_number, lambda _: mark)
    text = path.read_text("utf-8", "surrogateescape")
    new = text.replace(str(mark), chance.choice(values.ABSURD_TEXTS))
    path.write_bytes(new.encode("utf-8", "surrogateescape"))
    return said


def _hostile(path: Path, chance: random.Random) -> str:
    texts = (values.ESCAPE, values.COMMAND, "../../../../x", "", "\ud800", "x" * 2_000_000, "/")
    return _changed(path, chance, lambda v: isinstance(v, str), lambda _: chance.choice(texts))


def _other_type(path: Path, chance: random.Random) -> str:
    return _changed(path, chance, lambda _: True, lambda _: chance.choice(values.OTHER_THINGS))


def _nested(path: Path, chance: random.Random) -> str:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    return _changed(path, chance, lambda _: True, lambda _: deep)


def _without(path: Path, chance: random.Random) -> str:
    return _changed(path, chance, lambda _: True, None)


def _many(path: Path, chance: random.Random) -> str:
    return _changed(path, chance, lambda v: isinstance(v, list), lambda v: (v or [0]) * 2000)


def _changed(
    path: Path,
    chance: random.Random,
    wanted: Callable[[Any], bool],
    new: Callable[[Any], Any] | None,
) -> str:
    """Another value in one place of its JSON, or of one of its lines; None takes it away."""
    text = path.read_text("utf-8", "replace")
    whole = [text] if path.suffix == ".json" else text.splitlines()
    for _ in range(_TRIES):
        number = chance.randrange(len(whole)) if whole else 0
        try:
            body = json.loads(whole[number])
        except (ValueError, IndexError, RecursionError):
            continue
        places = [place for place in _places(body) if wanted(place[0][place[1]])]
        if places:
            holder, key = chance.choice(places)
            if new is None:
                del holder[key]
            else:
                holder[key] = new(holder[key])
            whole[number] = json.dumps(body)
            path.write_text("\n".join(whole) + "\n", "utf-8", "surrogatepass")
            return f"line {number + 1}, {key}"
    return _garbage(path, chance)


def _places(body: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    inner = (
        body.items()
        if isinstance(body, dict)
        else enumerate(body if isinstance(body, list) else ())
    )
    for key, value in inner:
        found.append((body, key))
        found += _places(value)
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- the file itself -----------------------------------------------------------------------------


def _gone(path: Path, chance: random.Random) -> str:
    del chance
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return "gone"


def _fifo(path: Path, chance: random.Random) -> str:
    _gone(path, chance)
    os.mkfifo(path)
    return "a FIFO"


def _link(path: Path, chance: random.Random) -> str:
    """To a device, to itself, to nothing, or to somebody's letter."""
    _gone(path, chance)
    letter = next((up for up in path.parents if (up / "home").is_dir()), path.parent)
    places = ("/dev/zero", "/dev/random", path.name, "no-such", "/proc/self/mem", "/", "/dev/full")
    path.symlink_to(chance.choice((*places, str(letter / "home/precious/letter.txt"))))
    return "a link"


def _folder(path: Path, chance: random.Random) -> str:
    _gone(path, chance)
    path.mkdir()
    return "a folder"


def _huge(path: Path, chance: random.Random) -> str:
    del chance
    with path.open("ab") as file:
        file.truncate(HUGE_BYTES)
    return "huge"


def _locked(path: Path, chance: random.Random) -> str:
    del chance
    path.chmod(0o000)
    return "locked"


_CONTENT: tuple[Damage, ...] = (
    *(_cut, _spoilt, _garbage, _littered, _absurd, _absurd, _no_number, _hostile, _other_type),
    *(_nested, _without, _many),
)
_PLACE: tuple[Damage, ...] = (_gone, _fifo, _link, _link, _folder)
WHOLE: tuple[Damage, ...] = tuple(dict.fromkeys((*_CONTENT, *_PLACE, _huge, _locked)))
"""Every one of them."""
