"""A thumbnail of one picture. Files come from the folder that a bucket file:///FOLDER names, and go to the folder thumbnails beside it."""

import pathlib

import png


def handler(event, context):
    bucket = pathlib.Path(event["bucket"].removeprefix("file://"))
    width, height, rows = png.decode((bucket / event["key"]).read_bytes())
    width, height, rows = png.scaled(width, height, rows, event["width"])
    thumbnail = bucket / "thumbnails" / event["key"]
    thumbnail.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own until it is whole: an Express child may run again.
    unfinished = thumbnail.with_suffix(f".{context.aws_request_id}")
    unfinished.write_bytes(png.encode(width, height, rows))
    unfinished.rename(thumbnail)
    return {"thumbnail": f"thumbnails/{event['key']}", "pixels": width * height}
