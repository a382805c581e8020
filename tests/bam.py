"""Small BAM files made by hand, with nothing but zlib: for cases that no generator would think of."""

import random
import struct
import zlib
from dataclasses import dataclass

EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
# Content bytes of a block, as htslib cuts them.
BLOCK_CONTENT = 0xFF00
NIBBLES = {base: code for code, base in enumerate("=ACMGRSVTWYHKDBN")}


@dataclass(frozen=True)
class Record:
    """One alignment, with all its bases matching."""

    name: str
    sequence: str
    qualities: bytes
    flag: int = 0
    reference: int = 0
    position: int = 0
    tags: bytes = b""

    def encode(self) -> bytes:
        """The record's bytes in a BAM file."""
        nibbles = [NIBBLES[base] for base in self.sequence] + [0] * (len(self.sequence) % 2)
        packed = bytes(high << 4 | low for high, low in zip(nibbles[::2], nibbles[1::2], strict=True))
        name = self.name.encode() + b"\0"
        fixed = struct.pack(
            "<iiBBHHHiiii",
            self.reference,
            self.position,
            len(name),
            60,
            4681,
            1,
            self.flag,
            len(self.sequence),
            -1,
            -1,
            0,
        )
        body = fixed + name + struct.pack("<I", len(self.sequence) << 4) + packed + self.qualities + self.tags
        return struct.pack("<i", len(body)) + body


def block(content: bytes, level: int = 6) -> bytes:
    """One BGZF block."""
    deflater = zlib.compressobj(level, zlib.DEFLATED, -15)
    payload = deflater.compress(content) + deflater.flush()
    head = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(payload) + 25)
    return head + payload + struct.pack("<II", zlib.crc32(content), len(content))


def bgzf(content: bytes, level: int = 6) -> bytes:
    """BGZF blocks of `content`, without the end-of-file block."""
    pieces = (content[start : start + BLOCK_CONTENT] for start in range(0, len(content), BLOCK_CONTENT))
    return b"".join(block(piece, level) for piece in pieces)


def header(references: dict[str, int] | None = None, text: str = "@HD\tVN:1.6\tSO:coordinate\n") -> bytes:
    """The header's bytes in a BAM file."""
    references = {"chr1": 248_956_422} if references is None else references
    encoded = text.encode()
    listed = b"".join(
        struct.pack("<i", len(name) + 1) + name.encode() + b"\0" + struct.pack("<i", length)
        for name, length in references.items()
    )
    return b"BAM\1" + struct.pack("<i", len(encoded)) + encoded + struct.pack("<i", len(references)) + listed


def records(number: int, seed: int = 1) -> list[Record]:
    """Records as a sequencer might give them: sorted, 100 bases, qualities of a few levels."""
    chance = random.Random(seed)
    genome = "".join(chance.choices("ACGT", k=number * 10 + 100))
    return [
        Record(
            name=f"A00123:45:HXYZ:1:{1101 + i // 5000}:{chance.randrange(1000, 32000)}:{chance.randrange(1000, 32000)}",
            sequence=genome[i * 10 : i * 10 + 100],
            qualities=bytes(chance.choices((2, 12, 23, 37), (1, 5, 10, 84), k=100)),
            flag=chance.choice((0, 16)),
            position=10_000 + i * 10,
            tags=b"NMC\0" + b"ASC" + bytes([100 - chance.randrange(5)]),
        )
        for i in range(number)
    ]


def bam(number: int = 1000, seed: int = 1) -> bytes:
    """A whole BAM file of `number` records."""
    return bgzf(header()) + bgzf(b"".join(record.encode() for record in records(number, seed))) + EOF_BLOCK


def leaning(number: int = 1000, seed: int = 1) -> tuple[bytes, bytes]:
    """A BAM file of `number` records, and the FASTA file of the reference that they agree with."""
    found = records(number, seed)
    # As `records` makes it: each record begins ten bases after the last.
    genome = "N" * found[0].position + "".join(one.sequence[:10] for one in found) + found[-1].sequence[10:]
    named = header({"chr1": len(genome)})
    whole = bgzf(named) + bgzf(b"".join(record.encode() for record in found)) + EOF_BLOCK
    return whole, f">chr1\n{genome}\n".encode()


def long_bam(megabytes: int) -> bytes:
    """A BAM file of about that size, quickly: the same records over and over."""
    once = bgzf(b"".join(record.encode() for record in records(2000)))
    return bgzf(header()) + once * (megabytes * 1_000_000 // len(once) + 1) + EOF_BLOCK
