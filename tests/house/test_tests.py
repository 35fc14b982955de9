"""What the tests themselves owe: each can fail."""

import ast

CHECKS = ("raises", "warns", "deprecated_call", "fail", "expect")


def can_fail(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """True when it asserts, expects an error, or calls something named `assert_...`."""
    return any(isinstance(node, ast.Assert) or is_check(node) for node in ast.walk(function))


def is_check(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    return name in CHECKS or name.startswith("assert_")


def test_every_test_can_fail(modules: dict[str, str]) -> None:
    harmless = [
        f"{name}:{node.lineno} {node.name}"
        for name, text in modules.items()
        if "tests" in name.split("/")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not can_fail(node)
    ]

    assert harmless == []


def test_a_test_without_a_check_is_found() -> None:
    [function] = ast.parse("def test_nothing():\n    print(1)\n").body

    assert isinstance(function, ast.FunctionDef)
    assert not can_fail(function)
