"""The flags of a record, as one number and one by one, read from its bytes (SAM specification, section 1.4)."""

from struct import Struct

# Where the flags stand in a record, the length field included.
_FLAG = 18
_u16 = Struct("<H").unpack_from


class Flags:
    """The flags of a record in its bytes."""

    __slots__ = ("_record",)

    _record: bytes

    @property
    def flag(self) -> int:
        """The flags, as one number."""
        return int(_u16(self._record, _FLAG)[0])

    @property
    def is_paired(self) -> bool:
        """The template has several segments."""
        return self._record[_FLAG] & 0x1 != 0

    @property
    def is_proper_pair(self) -> bool:
        """The pair is aligned as it should be."""
        return self._record[_FLAG] & 0x2 != 0

    @property
    def is_unmapped(self) -> bool:
        """It is not aligned."""
        return self._record[_FLAG] & 0x4 != 0

    @property
    def is_mapped(self) -> bool:
        """It is aligned."""
        return self._record[_FLAG] & 0x4 == 0

    @property
    def mate_is_unmapped(self) -> bool:
        """The next segment is not aligned."""
        return self._record[_FLAG] & 0x8 != 0

    @property
    def mate_is_mapped(self) -> bool:
        """The next segment is aligned."""
        return self._record[_FLAG] & 0x8 == 0

    @property
    def is_reverse(self) -> bool:
        """It is aligned as its reverse complement."""
        return self._record[_FLAG] & 0x10 != 0

    @property
    def is_forward(self) -> bool:
        """It is aligned as it was read."""
        return self._record[_FLAG] & 0x10 == 0

    @property
    def mate_is_reverse(self) -> bool:
        """The next segment is aligned as its reverse complement."""
        return self._record[_FLAG] & 0x20 != 0

    @property
    def mate_is_forward(self) -> bool:
        """The next segment is aligned as it was read."""
        return self._record[_FLAG] & 0x20 == 0

    @property
    def is_read1(self) -> bool:
        """It is the template's first segment."""
        return self._record[_FLAG] & 0x40 != 0

    @property
    def is_read2(self) -> bool:
        """It is the template's last segment."""
        return self._record[_FLAG] & 0x80 != 0

    @property
    def is_secondary(self) -> bool:
        """It is not the read's main alignment."""
        return self._record[_FLAG + 1] & 0x1 != 0

    @property
    def is_qcfail(self) -> bool:
        """It has failed quality control."""
        return self._record[_FLAG + 1] & 0x2 != 0

    @property
    def is_duplicate(self) -> bool:
        """It is a duplicate."""
        return self._record[_FLAG + 1] & 0x4 != 0

    @property
    def is_supplementary(self) -> bool:
        """It holds a part of the read's main alignment."""
        return self._record[_FLAG + 1] & 0x8 != 0
