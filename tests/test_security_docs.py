"""The threat model names tests that there are, for each of the OWASP API Top 10."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))


def test_each_of_the_ten_has_its_row_and_a_test() -> None:
    rows = re.findall(r"^\| (API\d+) .*::test_\w+` \|$", TEXT, re.MULTILINE)

    assert rows == [f"API{number}" for number in range(1, 11)]


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_is_named_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))

    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
