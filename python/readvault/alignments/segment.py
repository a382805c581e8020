"""One alignment: the bytes of a BAM record, and its fields under pysam's names.

Most loops over records look at a few fields of each. So a record holds nothing but its bytes, and decodes a field when
it is asked for; only what takes time (bases, qualities, CIGAR) is kept. Positions are 0-based and
ends exclusive. The bytes are those of the source: nothing can be set.
"""

from array import array
from binascii import hexlify
from struct import Struct, unpack
from typing import TYPE_CHECKING, Any, TypeAlias

from readvault.alignments import cigar as cigars
from readvault.alignments import tags as tagging
from readvault.alignments.cigar import Cigar
from readvault.alignments.flags import Flags
from readvault.alignments.header import UNDECODABLE, AlignmentHeader
from readvault.alignments.tags import Tag, TagValue

if TYPE_CHECKING:
    import pysam

# Where the fixed fields stand in a record, the length field included (SAM specification, section 4.2).
_REFERENCE, _POSITION, _NAME_LENGTH, _MAPPING_QUALITY, _BIN, _CIGAR_COUNT = 4, 8, 12, 13, 14, 16
_LENGTH, _NEXT_REFERENCE, _NEXT_POSITION, _TEMPLATE_LENGTH, _NAME = 20, 24, 28, 32, 36
_u16 = Struct("<H").unpack_from
_i32 = Struct("<i").unpack_from
_u32 = Struct("<I").unpack_from
# Number of the CIGAR's operations, flags, number of bases.
_lengths = Struct("<HHI").unpack_from
# Where the CIGAR, the bases, the qualities and the tags start in a record.
_Layout: TypeAlias = tuple[int, int, int, int]

# Letters of bases by the hexadecimal digits of their codes, their complements, and qualities as SAM writes them.
_BASES = bytes.maketrans(b"0123456789abcdef", b"=ACMGRSVTWYHKDBN")
_COMPLEMENTS = str.maketrans("ACGTMRWSYKVHDBN", "TGCAKYWSRMBDHVN")
_QUALITIES = bytes((quality + 33) & 0xFF for quality in range(256))
# The first quality of a record that has none.
_NO_QUALITY = b"\xff"
# Names of a line's fields in `to_dict`, without the tags.
_KEYS = (
    *("name", "flag", "ref_name", "ref_pos", "map_quality", "cigar"),
    *("next_ref_name", "next_ref_pos", "length", "seq", "qual"),
)


class AlignedSegment(Flags):
    """A record of an archive. Two are equal if their bytes are."""

    __slots__ = ("_cigar", "_layout", "_qualities", "_sequence", "header")

    header: AlignmentHeader

    def __init__(self, record: bytes, header: AlignmentHeader) -> None:
        self._record = record
        self.header = header
        # None: not decoded yet. What a record does not have is empty.
        self._cigar: Cigar | None = None
        self._layout: _Layout | None = None
        self._qualities: array[int] | None = None
        self._sequence: str | None = None

    # Name, flag and places.

    @property
    def query_name(self) -> str:
        """The template's name."""
        record = self._record
        return record[_NAME : _NAME + record[_NAME_LENGTH]].partition(b"\0")[0].decode(errors=UNDECODABLE)

    @property
    def reference_id(self) -> int:
        """Number of the reference; -1 for none."""
        return int(_i32(self._record, _REFERENCE)[0])

    @property
    def reference_name(self) -> str | None:
        """Name of the reference; None for none."""
        return self.header.get_reference_name(_i32(self._record, _REFERENCE)[0])

    @property
    def reference_start(self) -> int:
        """First position on the reference; -1 for none."""
        return int(_i32(self._record, _POSITION)[0])

    @property
    def reference_end(self) -> int | None:
        """End on the reference; None where the record is unmapped or has no CIGAR."""
        length = self.reference_length
        return None if length is None else self.reference_start + length

    @property
    def reference_length(self) -> int | None:
        """Positions of the reference that it takes, at least one; None where it is unmapped or has no CIGAR."""
        cigar = self._operations()
        if not cigar or self.is_unmapped:
            return None
        return cigars.length_of(cigar, cigars.ON_REFERENCE) or 1

    @property
    def mapping_quality(self) -> int:
        """Mapping quality; 255 for none."""
        return self._record[_MAPPING_QUALITY]

    @property
    def bin(self) -> int:
        """Bin in the scheme of BAI: of its place where it has a CIGAR, as htslib sees it; else as it is stored."""
        if not self._operations():
            return int(_u16(self._record, _BIN)[0])
        start = self.reference_start
        return cigars.bin_of(start, start + (self.reference_length or 1))

    @property
    def next_reference_id(self) -> int:
        """Number of the next segment's reference; -1 for none."""
        return int(_i32(self._record, _NEXT_REFERENCE)[0])

    @property
    def next_reference_name(self) -> str | None:
        """Name of the next segment's reference; None for none."""
        return self.header.get_reference_name(_i32(self._record, _NEXT_REFERENCE)[0])

    @property
    def next_reference_start(self) -> int:
        """First position of the next segment; -1 for none."""
        return int(_i32(self._record, _NEXT_POSITION)[0])

    @property
    def template_length(self) -> int:
        """Observed length of the template, signed."""
        return int(_i32(self._record, _TEMPLATE_LENGTH)[0])

    # Bases and qualities.

    @property
    def query_length(self) -> int:
        """Number of the bases that are stored, clipped ones included; 0 where there are none."""
        return int(_u32(self._record, _LENGTH)[0])

    @property
    def query_sequence(self) -> str | None:
        """Bases, clipped ones included, as they stand on the forward strand; None where there are none."""
        sequence = self._sequence
        if sequence is None:
            _, bases, qualities, tags = self._layout or self._lay_out()
            packed = self._record[bases:qualities]
            sequence = self._sequence = hexlify(packed).translate(_BASES)[: tags - qualities].decode("ascii")
        return sequence or None

    @property
    def query_qualities(self) -> "array[int] | None":
        """A quality for each base of `query_sequence`; None where there are none."""
        qualities = self._qualities
        if qualities is None:
            qualities = self._qualities = array("B", self._stored_qualities())
        return qualities or None

    @property
    def query_qualities_str(self) -> str | None:
        """The qualities as SAM and FASTQ write them; None where there are none."""
        return self._stored_qualities().translate(_QUALITIES).decode("latin-1") or None

    @property
    def query_alignment_start(self) -> int:
        """Offset in `query_sequence` of the first base that is not clipped."""
        return cigars.aligned_start(self._operations())

    @property
    def query_alignment_end(self) -> int:
        """End in `query_sequence` of the last base that is not clipped."""
        return cigars.aligned_end(self._operations(), self.query_length)

    @property
    def query_alignment_length(self) -> int:
        """Number of the bases that are not clipped."""
        return self.query_alignment_end - self.query_alignment_start

    @property
    def query_alignment_sequence(self) -> str | None:
        """The bases that are not clipped; None where there are no bases."""
        sequence = self.query_sequence
        return None if sequence is None else sequence[self.query_alignment_start : self.query_alignment_end]

    @property
    def query_alignment_qualities(self) -> "array[int] | None":
        """Qualities of the bases that are not clipped; None where there are no qualities."""
        qualities = self.query_qualities
        return None if qualities is None else qualities[self.query_alignment_start : self.query_alignment_end]

    @property
    def query_alignment_qualities_str(self) -> str | None:
        """The same as SAM and FASTQ write them."""
        qualities = self.query_qualities_str
        return None if qualities is None else qualities[self.query_alignment_start : self.query_alignment_end]

    def get_forward_sequence(self) -> str | None:
        """Bases as they were read; None where there are none."""
        sequence = self.query_sequence
        if sequence is None or self.is_forward:
            return sequence
        return sequence.translate(_COMPLEMENTS)[::-1]

    def get_forward_qualities(self) -> "array[int] | None":
        """Qualities in the order in which the bases were read; None where there are none."""
        qualities = self.query_qualities
        return qualities if qualities is None or self.is_forward else qualities[::-1]

    # The CIGAR and what follows from it.

    @property
    def cigartuples(self) -> list[tuple[int, int]] | None:
        """Operations of the CIGAR, (number of the operation, length); None where there are none."""
        return list(self._operations()) or None

    @property
    def cigarstring(self) -> str | None:
        """The CIGAR as SAM writes it; None where there is none."""
        return cigars.text(self._operations()) or None

    def infer_query_length(self) -> int | None:
        """Number of the read's bases by its CIGAR, without those that were cut off; None where there is none."""
        cigar = self._operations()
        return cigars.length_of(cigar, cigars.IN_READ) if cigar else None

    def infer_read_length(self) -> int | None:
        """Number of the read's bases by its CIGAR, with those that were cut off; None where there is none."""
        cigar = self._operations()
        return cigars.length_of(cigar, cigars.IN_READ | {cigars.HARD_CLIP}) if cigar else None

    def get_reference_positions(self, full_length: bool = False) -> list[int | None]:
        """Positions on the reference of the bases that have one; with `full_length` None for each other base."""
        return cigars.positions(self._placed(), self.reference_start, full_length)

    def get_blocks(self) -> list[tuple[int, int]]:
        """Stretches of the reference, (start, end), on which bases lie without a gap."""
        return cigars.blocks(self._placed(), self.reference_start)

    def get_overlap(self, start: int, end: int) -> int | None:
        """How many bases lie on the reference from `start` to `end`; None where there is no CIGAR or position."""
        cigar = self._placed()
        return cigars.overlap(cigar, self.reference_start, start, end) if cigar else None

    def get_aligned_pairs(
        self, matches_only: bool = False, with_seq: bool = False, with_cigar: bool = False
    ) -> list[tuple[Any, ...]]:
        """Offset in `query_sequence` and position on the reference for each base, None for what there is not.

        `matches_only` leaves out those with a None; `with_seq` adds the reference's base, as `get_reference_sequence`
        has it; `with_cigar` adds the operation's number.
        """
        sequence = self.get_reference_sequence() if with_seq else None
        return cigars.pairs(self._placed(), self.reference_start, matches_only, sequence, with_cigar)

    def get_reference_sequence(self) -> str:
        """The reference's bases under the alignment, without its skips; lower case where the read differs.

        ValueError where the tag MD is not there or does not fit.
        """
        if not self.has_tag("MD"):
            raise ValueError("MD tag not present")
        return cigars.reference_sequence(self._operations(), self.query_sequence or "", str(self.get_tag("MD")))

    def get_cigar_stats(self) -> tuple["array[int]", "array[int]"]:
        """Bases and numbers of the CIGAR's operations: of `MIDNSHP=XB`, and the tag NM after the bases (0 for none)."""
        differences = self.get_tag("NM") if self.has_tag("NM") else 0
        return cigars.statistics(self._operations(), differences if isinstance(differences, int) else 0)

    # Tags.

    def has_tag(self, tag: str) -> bool:
        """Whether there is such a tag."""
        return self._find(tag) is not None

    def get_tag(self, tag: str, with_value_type: bool = False) -> Any:
        """The tag's value, or with `with_value_type` (value, type), of arrays as in `Bc`; KeyError if there is none.

        Values are texts, numbers, and arrays (`array.array`) of the type that is stored.
        """
        place = self._find(tag)
        if place is None:
            raise KeyError(f"tag '{tag}' not present")
        value = tagging.value(self._record, place)
        return (value, tagging.element_kind(self._record, place)) if with_value_type else value

    def get_tags(self, with_value_type: bool = False) -> list[tuple[Any, ...]]:
        """All tags in their order: (name, value), or with `with_value_type` (name, value, type)."""
        record = self._record
        found: list[tuple[str, TagValue, str]] = [
            (tag.name.decode("latin-1"), tagging.value(record, tag), tag.kind) for tag in self._tags()
        ]
        return list(found) if with_value_type else [tag[:2] for tag in found]

    @property
    def tags(self) -> list[tuple[Any, ...]]:
        """All tags in their order: (name, value)."""
        return self.get_tags()

    # The whole record.

    def to_string(self) -> str:
        """The record as a line of SAM, without the line's end."""
        number, next_number = self.reference_id, self.next_reference_id
        next_name = "=" if number == next_number >= 0 else self.next_reference_name
        fields = (
            self.query_name or "*",
            str(self.flag),
            self.reference_name or "*",
            str(self.reference_start + 1),
            str(self.mapping_quality),
            self.cigarstring or "*",
            next_name or "*",
            str(self.next_reference_start + 1),
            str(self.template_length),
            self.query_sequence or "*",
            self.query_qualities_str or "*",
        )
        return "\t".join([*fields, *(tagging.text(self._record, tag) for tag in self._tags())])

    def to_dict(self) -> dict[str, Any]:
        """The fields of `to_string` by name, as texts; `tags` is a list of them."""
        fields = self.to_string().split("\t")
        return {**dict(zip(_KEYS, fields, strict=False)), "tags": fields[len(_KEYS) :]}

    def to_pysam(self, header: "pysam.AlignmentHeader | None" = None) -> "pysam.AlignedSegment":
        """The same record as pysam's, which can be changed and written; ImportError where pysam is not installed.

        It belongs to `header`, in which references are looked up by their names, or to this file's own.
        """
        from readvault.alignments.stream import segment

        return segment(self, self.header.to_pysam() if header is None else header)

    def to_bytes(self) -> bytes:
        """The record as it stands in its BAM file, with its length field."""
        return self._record

    def compare(self, other: "AlignedSegment | None") -> int:
        """-1, 0 or 1 as the record's bytes are less than, equal to or more than those of `other`."""
        if other is None:
            return -1
        return (self._record > other._record) - (self._record < other._record)

    def __eq__(self, other: object) -> bool:
        return self._record == other._record if isinstance(other, AlignedSegment) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._record)

    def __str__(self) -> str:
        return self.to_string()

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__}({self.query_name!r}, flags={self.flag}={self.flag:#x}, "
            f"ref={self.reference_name!r}, zpos={self.reference_start}, "
            f"mapq={self.mapping_quality}, cigar={self.cigarstring!r}, ...)>"
        )

    # Shorter names that pysam has had.
    qname = query_name
    tid = rname = reference_id
    pos = reference_start
    aend = reference_end
    alen = reference_length
    mapq = mapping_quality
    rnext = mrnm = next_reference_id
    pnext = mpos = next_reference_start
    tlen = isize = template_length
    rlen = query_length
    seq = query_sequence
    qual = query_qualities_str
    qstart = query_alignment_start
    qend = query_alignment_end
    qlen = query_alignment_length

    # Where things stand in the record.

    def _lay_out(self) -> _Layout:
        record = self._record
        cigar = _NAME + record[_NAME_LENGTH]
        count, _, length = _lengths(record, _CIGAR_COUNT)
        bases = cigar + 4 * count
        qualities = bases + (length + 1) // 2
        self._layout = cigar, bases, qualities, qualities + length
        return self._layout

    def _stored_qualities(self) -> bytes:
        """Qualities as they are stored; empty where the first says that there are none."""
        _, _, start, end = self._layout or self._lay_out()
        qualities = self._record[start:end]
        return b"" if qualities[:1] == _NO_QUALITY else qualities

    def _operations(self) -> Cigar:
        cigar = self._cigar
        if cigar is None:
            cigar = self._stored_cigar()
            if cigar and cigar[0] == (cigars.SOFT_CLIP, self.query_length):
                cigar = self._long_cigar() or cigar
            self._cigar = cigar
        return cigar

    def _placed(self) -> Cigar:
        """The CIGAR of a record that has a position."""
        return self._operations() if self.reference_start >= 0 else ()

    def _stored_cigar(self) -> Cigar:
        start, end, _, _ = self._layout or self._lay_out()
        return _decode(self._record[start:end])

    def _long_cigar(self) -> Cigar:
        """The CIGAR that is too long for its place and stands in the tag CG; empty where there is none.

        It is seen where htslib sees one (SAM specification, section 4.2.2).
        """
        stored = self._stored_cigar()
        if stored[:1] != ((cigars.SOFT_CLIP, self.query_length),) or self.reference_id < 0 or self.reference_start < 0:
            return ()
        try:
            place = self._first(b"CG")
        except ValueError:
            return ()
        if place is None or tagging.element_kind(self._record, place) not in ("Bi", "BI"):
            return ()
        cigar = _decode(self._record[place.start + 5 : place.end])
        return cigar if len(cigar) >= len(stored) else ()

    def _tags(self) -> list[Tag]:
        """The tags' places, without a CG that holds the CIGAR."""
        _, _, _, start = self._layout or self._lay_out()
        found = list(tagging.places(self._record, start))
        hidden = self._first(b"CG") if self._long_cigar() else None
        return found if hidden is None else [tag for tag in found if tag != hidden]

    def _find(self, tag: str) -> Tag | None:
        """The place of the first tag of that name, except of a CG that holds the CIGAR."""
        name = tag.encode()
        place = self._first(name)
        return None if name == b"CG" and place is not None and self._long_cigar() else place

    def _first(self, name: bytes) -> Tag | None:
        _, _, _, start = self._layout or self._lay_out()
        if self._record.find(name, start) < 0:
            return None
        return next(tagging.places(self._record, start, name), None)


def _decode(operations: bytes) -> Cigar:
    numbers = unpack(f"<{len(operations) // 4}I", operations)
    return tuple([(number & 15, number >> 4) for number in numbers])
