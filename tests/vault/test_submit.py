"""What is submitted: files, folders, patterns and lists become requests, one for each source."""

import os
from pathlib import Path

import pytest
from readvault.errors import InvalidError
from readvault.pipeline.order import Options
from readvault.vault import settings
from readvault.vault.submit import MISSING, listed, requests

OPTIONS = Options(project="p", tags={"lane": "3"})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files of all kinds in folders."""
    for name in ("b.bam", "a.bam", "deep/er/c.bam", "deep/c.bam.bai", "d.txt", ".hidden.bam", "a.bam.rv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * len(name))
    (tmp_path / "linked").symlink_to(tmp_path / "deep")
    return tmp_path


def names(tree: Path, *sources: str, include: tuple[str, ...] = ("*.bam",)) -> list[str]:
    given = [str(tree / source) for source in sources]
    return [os.path.relpath(request.source, tree) for request in requests(given, OPTIONS, include=include)]


def test_folders_give_their_files_in_order_and_nothing_hidden_or_linked(tree: Path) -> None:
    assert names(tree, ".") == ["a.bam", "b.bam", "deep/er/c.bam"]
    assert names(tree, "deep", include=("*.bam", "*.bai")) == ["deep/c.bam.bai", "deep/er/c.bam"]


def test_files_and_patterns_give_themselves(tree: Path) -> None:
    assert names(tree, "b.bam", "*.bam", "d.txt") == ["b.bam", "a.bam", "b.bam", "d.txt"]
    assert names(tree, "**/c.bam") == ["deep/er/c.bam", "linked/er/c.bam"]
    with pytest.raises(FileNotFoundError, match="no file matches"):
        names(tree, "*.cram")


def test_a_request_is_of_the_state_that_the_file_is_in(tree: Path) -> None:
    (one,) = requests([str(tree / "a.bam")], OPTIONS)
    os.utime(tree / "a.bam", ns=(1, 1))
    (other,) = requests([str(tree / "a.bam")], OPTIONS)
    assert one.version != other.version
    assert one.identity != other.identity
    assert other.version == "5:1"


def test_a_source_that_is_not_there_is_a_request_that_has_failed(tree: Path) -> None:
    (request,) = requests([str(tree / "none.bam")], OPTIONS)
    assert request.version == MISSING
    assert "none.bam" in (request.failure or "")


def test_archives_folders_in_lists_and_names_that_are_no_text_are_refused(tree: Path) -> None:
    with pytest.raises(InvalidError, match="is an archive"):
        list(requests([str(tree / "a.bam.rv")], OPTIONS))
    with pytest.raises(InvalidError, match="no file"):
        list(listed([str(tree)], OPTIONS))
    bad = os.fsdecode(os.fsencode(str(tree)) + b"/\xff.bam")
    Path(bad).write_bytes(b"x")
    with pytest.raises(InvalidError, match="UTF-8"):
        list(requests([bad], OPTIONS))


def test_a_list_says_more_of_its_files(tree: Path) -> None:
    lines = [
        "# a comment\n",
        "\n",
        f"{tree}/a.bam\tsample=NA12878\tlane=4\tflowcell=H=1\n",
        f"{tree}/b.bam\r\n",
    ]
    first, second = listed(lines, OPTIONS)
    assert (first.options.sample, first.options.project) == ("NA12878", "p")
    assert first.options.tags == {"lane": "4", "flowcell": "H=1"}
    assert second.options == OPTIONS
    with pytest.raises(InvalidError, match="not KEY=VALUE"):
        list(listed([f"{tree}/a.bam\tsample"], OPTIONS))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[vault]\nversion = 1\n", "store"),
        ("[vault", "TOML"),
        ("[colour]\n", "colour"),
        ('[vault]\nversion = 1\nid = "x"\nstore = "a"\n', "badly formed"),
        ('{V}[jobs]\nlevel = "best"\n', "jobs.level"),
        ("{V}[jobs]\nattempts = 0\n", "jobs.attempts"),
        ('{V}[[tier]]\nname = "cold"\n', "nothing would happen"),
        ('{V}[[tier]]\nname = "hot"\ntags = {{ a = "b" }}\n', "hot"),
        ('{V}[reclaim]\nverified_within = "soon"\n', "soon"),
    ],
)
def test_settings_that_cannot_be_are_told_with_their_place(tmp_path: Path, text: str, told: str) -> None:
    good = '[vault]\nversion = 1\nid = "6f2b0a5e-2c0c-4f0c-9d0e-0b8f5a3c7d11"\nstore = "archives"\n'
    (tmp_path / "vault.toml").write_text(text.replace("{V}", good).replace("{{", "{").replace("}}", "}"))
    with pytest.raises(InvalidError, match=told):
        settings.read(tmp_path)
