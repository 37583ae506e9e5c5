"""Adds up what the ResultWriter has written: the manifest names the files, the files have an entry for each batch."""

import json
import pathlib


def handler(event, context):
    bucket = pathlib.Path(event["Bucket"].removeprefix("file://"))
    manifest = json.loads((bucket / event["Key"]).read_text())
    files = manifest["ResultFiles"]
    batches = [json.loads(entry["Output"]) for file in files["SUCCEEDED"] for entry in json.loads((bucket / file["Key"]).read_text())]
    return {
        "batches": len(batches),
        "failedFiles": len(files["FAILED"]),
        "migrated": sum(batch["migrated"] for batch in batches),
        "rejected": sorted(row for batch in batches for row in batch["rejected"]),
    }
