"""The code keeps its layers: handlers, gateway, providers, catalog and blobs, in this direction."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.base import Provider
from providers.file_store import FileStore

ROOT = Path(__file__).parent.parent
WEB = {"connexion", "flask", "gunicorn", "starlette", "uvicorn", "uvicorn_worker", "werkzeug"}

MAY_IMPORT = {
    "handlers": {"handlers", "gateway", "providers", "catalog"},
    "gateway": {"gateway", "providers", "catalog", "blobs"},
    "providers": {"providers", "catalog", "blobs"},
    "catalog": {"catalog"},
    "blobs": {"blobs"},
}
"""Which of our packages each of them may import."""

SERVICES = [
    "answers",
    "copies",
    "file_lookup",
    "file_service",
    "idempotency",
    "lookup",
    "quotas",
    "service",
    "state",
    "stored_file_service",
    "sweeper",
    "tenants",
]
"""The modules of the gateway that a request passes after the handler: they know nothing of HTTP."""

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in MAY_IMPORT
    for path in (ROOT / package).rglob("*.py")
)
CONTRACTS = [
    {name for name in vars(protocol) if not name.startswith("_")}
    for protocol in (Provider, FileStore)
]
DOCUMENTED = [m for m in MODULES if not m.startswith(("handlers.", "catalog.migrations"))]
"""All but what the document, and alembic, describe."""


def test_all_modules_are_looked_at() -> None:
    assert {"gateway.app", "handlers", "providers.hosted.provider", "blobs.directory"} < set(
        MODULES
    )


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    ours = {name.split(".")[0] for name in imports(module)} & MAY_IMPORT.keys()

    assert ours <= MAY_IMPORT[module.partition(".")[0]]


@pytest.mark.parametrize("module", MODULES)
def test_nothing_imports_the_composition_root(module: str) -> None:
    assert "gateway.app" not in imports(module)


@pytest.mark.parametrize(
    "module",
    [m for m in MODULES if m.split(".")[0] in {"providers", "catalog", "blobs"}]
    + [f"gateway.{name}" for name in SERVICES],
)
def test_what_is_below_the_handlers_knows_nothing_of_the_web(module: str) -> None:
    assert {name.split(".")[0] for name in imports(module)} & WEB == set()


def test_handlers_reach_the_rest_through_the_gateway() -> None:
    below = {
        name
        for module in MODULES
        if module.startswith("handlers.")
        for name in imports(module)
        if name.startswith(("providers.", "catalog."))
    }

    assert below <= {
        "catalog.pages",
        "catalog.pages.PageRequest",
        "providers.base",
        "providers.base.Json",
    }


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_for_in_few_lines(module: str) -> None:
    assert ast.get_docstring(parsed(module))
    assert len(path_of(module).read_text(encoding="utf-8").splitlines()) <= 250


@pytest.mark.parametrize("module", DOCUMENTED)
def test_public_names_are_documented(module: str) -> None:
    assert [name for name, what in public(module) if not what.__doc__] == []


def imports(module: str) -> set[str]:
    """Return the modules that a module imports; `from a import b` is both `a` and `a.b`."""
    names = set()
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "Imports are absolute."
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def parsed(module: str) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


def path_of(module: str) -> Path:
    """Return where a module is."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def public(module: str) -> Iterator[tuple[str, Any]]:
    """Return a module's public functions and classes, and the methods that a base lacks."""
    for name, thing in vars(importlib.import_module(module)).items():
        own = getattr(thing, "__module__", None) == module and not name.startswith("_")
        if own and (inspect.isfunction(thing) or inspect.isclass(thing)):
            yield name, thing
        if own and inspect.isclass(thing):
            yield from methods(thing)


def methods(class_: type) -> Iterator[tuple[str, Any]]:
    """Return a class's public methods and properties, without those a contract describes."""
    described = {name for base in class_.__mro__[1:] for name in vars(base)}
    for contract in CONTRACTS:
        if vars(class_).keys() >= contract:
            described |= contract
    for name, method in vars(class_).items():
        is_method = isinstance(method, property) or inspect.isfunction(method)
        if is_method and name not in described and not name.startswith("_"):
            yield f"{class_.__name__}.{name}", method
