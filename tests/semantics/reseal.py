"""Archives resealed by a second hand, and small looks at files."""

import hashlib
import struct
from pathlib import Path

HEAD, FOOTER = 5, 24
# Number of the trailer's section that holds the source's name.
NAME = 2


def crc32c(data: bytes) -> bytes:
    """The checksum that seals structures: CRC-32C, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return struct.pack("<I", crc ^ 0xFFFFFFFF)


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def renamed(archive: bytes, name: bytes) -> bytes:
    """The archive with another recorded name, its trailer sealed anew."""
    (at, length) = struct.unpack("<QI", archive[-FOOTER:][:12])
    payload = archive[at + HEAD : at + HEAD + length - 4]
    place, sections = 0, b""
    while place < len(payload):
        tag, place = read_varint(payload, place)
        size, place = read_varint(payload, place)
        content = name if tag == NAME else payload[place : place + size]
        place += size
        sections += varint(tag) + varint(len(content)) + content
    sections += crc32c(sections)
    footer = struct.pack("<QI", at, len(sections))
    frame = b"T" + struct.pack("<I", len(sections)) + sections
    return archive[:at] + frame + footer + crc32c(footer) + b"RVAend\r\n"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
