"""Both views of a source are what stands in memory, wherever a reader seeks and however much it asks for.

The model is `io.BytesIO`: hypothesis makes walks of seeks and reads, which two readers of an archive and the model take
together."""

import gzip
import io
import os
import subprocess
import zlib
from pathlib import Path

import pytest
import readvault
from hypothesis import given, settings
from hypothesis import strategies as st
from readvault.archive import Level, View

# Content bytes of a block of the plain view.
CONTENT = 65_280
END_OF_FILE = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")

Files = dict[View, tuple[bytes, tuple[Path, ...]]]


def plain(source: bytes) -> bytes:
    """The plain view of a BAM file: its content in BGZF blocks of one stored DEFLATE block each."""
    content, blocks = gzip.decompress(source), []
    for start in range(0, len(content), CONTENT):
        piece = content[start : start + CONTENT]
        length = len(piece).to_bytes(2, "little")
        stored = b"\x01" + length + bytes(byte ^ 0xFF for byte in length) + piece
        size = (18 + len(stored) + 8 - 1).to_bytes(2, "little")
        head = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x06\x00BC\x02\x00" + size
        blocks.append(head + stored + zlib.crc32(piece).to_bytes(4, "little") + len(piece).to_bytes(4, "little"))
    return b"".join(blocks) + END_OF_FILE


@pytest.fixture(scope="module")
def files(generator: Path, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The bytes of each view, and archives that must give them."""
    folder = tmp_path_factory.mktemp("views")
    source = folder / "x.bam"
    words = ["novaseq", "--records", "40000", "--cut", "htsjdk", "--seed", "8", "-o", source]
    subprocess.run([generator, *map(str, words)], check=True)
    levels: tuple[Level, ...] = ("fast", "default")
    archives = tuple(folder / f"{level}.rv" for level in levels)
    for level, archive in zip(levels, archives, strict=True):
        readvault.compress(source, archive, level=level)
    given = source.read_bytes()
    return {"exact": (given, archives), "plain": (plain(given), archives)}


# A step goes somewhere and reads some bytes there: near where the reader is, so that it runs on, or anywhere.
places = st.one_of(
    st.tuples(st.just(os.SEEK_CUR), st.one_of(st.just(0), st.integers(-100_000, 3_000_000))),
    st.tuples(st.just(os.SEEK_SET), st.integers(0, 20_000_000)),
    st.tuples(st.just(os.SEEK_END), st.integers(-200_000, 1000)),
)
lengths = st.one_of(st.integers(0, 300), st.integers(0, 200_000), st.just(2_000_000))
steps = st.lists(st.tuples(places, lengths), min_size=1, max_size=8)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("view", ["exact", "plain"])
@settings(max_examples=12, deadline=None)
@given(walk=steps)
def test_any_walk_reads_what_stands_in_memory(files: Files, view: View, threads: int, walk: list) -> None:  # type: ignore[type-arg]
    expected, archives = files[view]
    model = io.BytesIO(expected)
    readers = [readvault.open(archive, view=view, threads=threads) for archive in archives]
    for (whence, offset), length in walk:
        at = {os.SEEK_SET: 0, os.SEEK_CUR: model.tell(), os.SEEK_END: len(expected)}[whence] + offset
        model.seek(max(0, at))
        wanted = model.read(length)
        for reader in readers:
            reader.seek(max(0, at))
            # A raw file may give less than is asked for, but never nothing before its end.
            found = b""
            while piece := reader.read(length - len(found)):
                found += piece
            assert found == wanted
            assert reader.tell() == max(0, at) + len(found)
    for reader in readers:
        reader.close()


@pytest.mark.parametrize("view", ["exact", "plain"])
def test_a_view_is_as_long_as_its_bytes_and_reads_whole(files: Files, view: View) -> None:
    expected, archives = files[view]
    for archive in archives:
        with readvault.open(archive, view=view, threads=2) as reader:
            assert reader.seek(0, os.SEEK_END) == len(expected)
            reader.seek(0)
            assert reader.read() == expected
