"""Every promise of spec/semantics.md is held by tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SENTENCE = re.compile(r"^(\d+)\. ", re.MULTILINE)
TEST = re.compile(r"^\s+`([\w/.]+)::(\w+)`$", re.MULTILINE)


def promises() -> list[tuple[int, str]]:
    text = (ROOT / "spec" / "semantics.md").read_text()
    parts = SENTENCE.split(text)[1:]
    return [(int(number), part) for number, part in zip(parts[::2], parts[1::2], strict=True)]


def test_promises_are_numbered_without_gaps() -> None:
    assert [number for number, _ in promises()] == list(range(1, len(promises()) + 1))


def test_every_promise_names_tests_that_exist() -> None:
    missing = []
    for number, part in promises():
        tests = TEST.findall(part)
        assert tests, f"promise {number} names no test"
        for path, name in tests:
            keyword = "fn" if path.endswith(".rs") else "def"
            text = (ROOT / path).read_text() if (ROOT / path).is_file() else ""
            if not re.search(rf"^\s*{keyword} {name}\(", text, re.MULTILINE):
                missing.append(f"{number}: {path}::{name}")
    assert not missing


def test_every_test_of_a_core_promise_is_named() -> None:
    named = {name for _, part in promises() for _, name in TEST.findall(part)}
    for file in ("round_trip", "truncation", "corruption", "atomicity", "compatibility"):
        text = (ROOT / "crates" / "core" / "tests" / f"{file}.rs").read_text()
        tests = set(re.findall(r"#\[test\]\n\s*fn (\w+)\(", text))
        # This one tests the tests' own writer of archives.
        assert tests - named <= {"an_archive_made_by_hand_is_read"}, file
