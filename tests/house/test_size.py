"""Small enough to read: modules and functions have a limit."""

import ast

MODULE_LINES = 400
KIND_LINES = 300
KINDS = ("src/pymc_vibes/kinds/", "examples/plugin/src/")
FUNCTION_LINES = 40

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(text: str) -> list[Function]:
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, Function)]


def lines_of(function: Function) -> int:
    """Lines from `def` to the end, without the docstring: prose is not complexity."""
    first = function.body[0]
    is_documented = ast.get_docstring(function) is not None
    prose = (first.end_lineno or 0) - first.lineno + 1 if is_documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - prose


def test_no_module_is_too_long(modules: dict[str, str]) -> None:
    limits = {name: KIND_LINES if name.startswith(KINDS) else MODULE_LINES for name in modules}

    lengths = {name: len(text.splitlines()) for name, text in modules.items()}

    assert {name: n for name, n in lengths.items() if n > limits[name]} == {}


def test_no_function_is_too_long(modules: dict[str, str]) -> None:
    lengths = {
        f"{name}:{function.lineno} {function.name}": lines_of(function)
        for name, text in modules.items()
        for function in functions(text)
    }

    assert {name: n for name, n in lengths.items() if n > FUNCTION_LINES} == {}


def test_a_docstring_does_not_count_as_code() -> None:
    [function] = functions('def f():\n    """One.\n\n    Two.\n    """\n    return 1\n')

    assert lines_of(function) == 2
