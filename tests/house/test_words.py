"""Words that do not belong in the tree, and links that lead nowhere."""

import re
from pathlib import Path

import pytest

# each is put together here, so that this file passes its own test
BANNED = {
    "a promise without an issue": r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b",
    "a function that is not there": r"\bNotImplemented" + r"Error\b",
    "a test that does not run": r"\bpytest\.(mark\.)?(skip|importor"
    + r"skip)|doctest: *\+SK"
    + r"IP",
    "lines left out of the coverage": r"pragma: *no " + r"cover",
    "a registry's address": r"\b(pypi\."
    + r"org|pythonhosted\."
    + r"org|npmjs\."
    + r"(org|com)|deb\.debian\."
    + r"org)\b",
    "a path of one machine": r"(?<![\w.~-])/(work|root|home/\w+|Users/\w+)" + r"/",
}

CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


@pytest.mark.parametrize("reason", BANNED)
def test_no_banned_word_is_in_the_tree(texts: dict[str, str], reason: str) -> None:
    pattern = re.compile(BANNED[reason])

    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]

    assert found == []


def test_every_link_between_pages_leads_somewhere(texts: dict[str, str], root: Path) -> None:
    pages = {name: text for name, text in texts.items() if name.endswith(".md")}

    broken = [
        f"{name} -> {target}"
        for name, text in pages.items()
        for target in LINK.findall(CODE.sub("", text))
        if not (root / name).parent.joinpath(target).exists()
    ]

    assert broken == []
