"""As much of PNG as the example needs: 8-bit RGB without interlacing, read with any filter and written with none."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB = 3


class UnreadablePicture(Exception):
    """The file is no picture that can be read."""


def decode(data):
    """Width, height and rows, each a bytearray of RGB triples."""
    if not data.startswith(SIGNATURE):
        raise UnreadablePicture("this is no PNG file")
    header, packed = None, b""
    for kind, content in chunks(data):
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", content)
        elif kind == b"IDAT":
            packed += content
    if header is None or header[2:] != (8, 2, 0, 0, 0):
        raise UnreadablePicture("only 8-bit RGB without interlacing is read here")
    width, height = header[:2]
    try:
        raw = zlib.decompress(packed)
    except zlib.error as error:
        raise UnreadablePicture(f"the picture is damaged: {error}") from error
    stride = width * RGB + 1
    if len(raw) != stride * height:
        raise UnreadablePicture("the picture is cut off")
    rows, above = [], bytearray(width * RGB)
    for start in range(0, len(raw), stride):
        above = unfiltered(raw[start], bytearray(raw[start + 1:start + stride]), above)
        rows.append(above)
    return width, height, rows


def chunks(data):
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        content = data[at + 8:at + 8 + length]
        if len(content) < length:
            raise UnreadablePicture("the file is cut off")
        yield kind, content
        at += length + 12


def unfiltered(kind, row, above):
    for place in range(len(row)):
        left = row[place - RGB] if place >= RGB else 0
        corner = above[place - RGB] if place >= RGB else 0
        guess = {0: 0, 1: left, 2: above[place], 3: (left + above[place]) // 2, 4: paeth(left, above[place], corner)}[kind]
        row[place] = (row[place] + guess) % 256
    return row


def paeth(left, above, corner):
    estimate = left + above - corner
    return min((left, above, corner), key=lambda value: abs(estimate - value))


def encode(width, height, rows):
    packed = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return SIGNATURE + b"".join(map(chunk, (b"IHDR", b"IDAT", b"IEND"), (header, packed, b"")))


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def scaled(width, height, rows, target):
    """The picture in `target` pixels of width: each pixel is the mean of those that it stands for."""
    target = min(target, width)
    target_height = max(1, height * target // width)
    columns = spans(width, target)
    return target, target_height, [mean_row(rows[top:bottom], columns) for top, bottom in spans(height, target_height)]


def spans(length, parts):
    edges = [length * part // parts for part in range(parts + 1)]
    return list(zip(edges, edges[1:]))


def mean_row(rows, columns):
    out = bytearray()
    for left, right in columns:
        for colour in range(RGB):
            values = [row[place * RGB + colour] for row in rows for place in range(left, right)]
            out.append(sum(values) // len(values))
    return out
