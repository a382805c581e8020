"""Who may import whom: the arrows of ARCHITECTURE.md, read from the sources themselves."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / "python" / "readvault"
CORE = ROOT / "crates" / "core" / "src"

# Each part of the package, and the parts that it may import beside itself. `readvault` is the package's own page.
PYTHON_ARROWS = {
    "readvault": {"alignments", "archive", "config", "errors", "frames"},
    "__main__": {"cli"},
    "cli": {
        "readvault",
        "aws",
        "archive",
        "catalog",
        "config",
        "errors",
        "files",
        "objects",
        "pipeline",
        "places",
        "proof",
        "report",
        "vault",
        "_core",
    },
    # The vault is the pipeline on one machine; the pipeline knows no vault, and the catalog neither.
    "vault": {
        "readvault",
        "archive",
        "catalog",
        "config",
        "errors",
        "files",
        "objects",
        "pipeline",
        "places",
        "report",
    },
    # The fleet is the pipeline on machines that come and go: it knows no vault, and no vault knows it.
    "aws": {
        "readvault",
        "archive",
        "catalog",
        "errors",
        "files",
        "objects",
        "pipeline",
        "places",
        "report",
        "_core",
    },
    "pipeline": {"readvault", "archive", "catalog", "errors", "files", "objects", "places", "report", "_core"},
    "catalog": {"errors", "files", "places"},
    "objects": {"report", "_core"},
    "alignments": {"_core"},
    "archive": {"report", "errors", "_core"},
    "frames": {"archive", "_core"},
    "filesystem": {"archive", "errors", "places"},
    "proof": {"readvault", "report", "files", "errors"},
    "config": {"errors", "_core"},
    "files": {"places", "_core"},
    "places": set(),
    "report": set(),
    "errors": set(),
    "_core": set(),
}

# Each part of core, and the parts that it may use beside itself. Everyone may use `error` and what the root re-exports.
CORE_ARROWS = {
    "archive": {"source", "container", "store", "codec"},
    "source": {"codec"},
    "codec": set(),
    "container": set(),
    "store": set(),
    "error": set(),
    # Built for fuzzers only.
    "fuzzing": {"archive", "codec", "container", "source"},
    # Built for benchmarks only.
    "measure": {"archive", "source", "store", "codec"},
}
CORE_FOR_ALL = {"error", "Error", "Result"}


def python_part(path: Path) -> str:
    first = path.relative_to(PYTHON).parts[0].removesuffix(".py").removesuffix(".pyi")
    return "readvault" if first == "__init__" else first


def python_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # `from readvault import archive` names a part, `from readvault import __version__` the package's page.
            named = [f"readvault.{alias.name}" for alias in node.names if alias.name in PYTHON_ARROWS]
            names = (named or ["readvault"]) if node.module == "readvault" else [node.module or ""]
        else:
            continue
        for name in names:
            if name == "readvault" or name.startswith("readvault."):
                yield [*name.split("."), "readvault"][1]


def python_sources() -> list[Path]:
    return sorted([*PYTHON.rglob("*.py"), *PYTHON.rglob("*.pyi")])


@pytest.mark.parametrize("path", python_sources(), ids=lambda path: str(path.relative_to(PYTHON)))
def test_a_python_module_imports_only_what_its_part_may(path: Path) -> None:
    part = python_part(path)
    assert part in PYTHON_ARROWS, f"{part} is a new part: give it its arrows here and in ARCHITECTURE.md"
    assert set(python_imports(path)) - {part} <= PYTHON_ARROWS[part]


def without_comments(source: str) -> str:
    return re.sub(r"//[^\n]*", "", source)


def core_uses(source: str) -> Iterator[str]:
    """The parts that a Rust source names as crate::part, grouped uses (crate::{a, b::c}) included."""
    text = without_comments(source)
    yield from re.findall(r"\bcrate::([A-Za-z_]+)", text)
    for start in (found.end() for found in re.finditer(r"\bcrate::\{", text)):
        depth, name = 0, ""
        for character in text[start:]:
            if character == "{":
                depth += 1
            elif character == "}":
                depth -= 1
            if depth == 0 and character == ",":
                yield name.strip()
                name = ""
            elif depth < 0:
                if name.strip():
                    yield name.strip()
                break
            elif depth == 0 and "::" not in name:
                name += character


def core_part(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".rs")


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.rs")), ids=lambda path: str(path.relative_to(CORE)))
def test_a_module_of_core_uses_only_what_its_part_may(path: Path) -> None:
    part = core_part(path)
    if part == "lib":
        return
    assert part in CORE_ARROWS, f"{part} is a new part: give it its arrows here and in ARCHITECTURE.md"
    used = {name.removesuffix("::") for name in core_uses(path.read_text())}
    assert used - {part} - CORE_FOR_ALL <= CORE_ARROWS[part]


def test_the_reader_of_uses_sees_every_form() -> None:
    source = """
    use crate::codec::rans; // use crate::comment;
    use crate::{error::{Error, Result}, store, container::header};
    let x = crate::source::bam::parse();
    """
    assert {name.removesuffix("::") for name in core_uses(source)} == {
        "codec",
        "error",
        "store",
        "container",
        "source",
    }


def test_faces_use_only_the_public_page_of_core() -> None:
    for path in (ROOT / "crates" / "python" / "src").rglob("*.rs"):
        used = set(re.findall(r"\breadvault_core::([A-Za-z_]+)", without_comments(path.read_text())))
        assert used <= {"archive", "Error", "Result"}, path


def test_the_proxy_of_faults_stands_alone() -> None:
    for manifest in (ROOT / "crates").glob("*/Cargo.toml"):
        named = set(re.findall(r"^(readvault-[a-z]+)\b", manifest.read_text(), re.MULTILINE))
        assert "readvault-faults" not in named, manifest
        assert manifest.parent.name != "faults" or not named


def test_only_aws_knows_boto3() -> None:
    for path in python_sources():
        if python_part(path) != "aws" and path != PYTHON / "catalog" / "dynamodb.py":
            assert "boto3" not in path.read_text(), path
