#!/usr/bin/env python3
"""Made the pictures of this example: small patterns, and two files that are cut off."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "functions/thumbnail"))
import png  # noqa: E402


def picture(number, width, height):
    def pixel(x, y):
        return ((x * 8 + number * 40) % 256, (y * 10 + number * 25) % 256, ((x // 6 + y // 6) % 2) * 180 + number % 60)
    rows = [bytes(value for x in range(width) for value in pixel(x, y)) for y in range(height)]
    return png.encode(width, height, rows)


for number in range(24):
    data = picture(number, 48 - number % 3 * 8, 36)
    (HERE / "pictures" / f"picture-{number:02}.png").write_bytes(data if number != 17 else data[:len(data) // 2])
for number in range(3):
    data = picture(number, 24, 24)
    (HERE / "damaged" / f"picture-{number}.png").write_bytes(data if number else data[:60])
