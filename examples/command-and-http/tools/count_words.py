"""Any program can be a function: JSON on standard input, JSON on standard output, exit code 0."""

import json
import sys

text = json.load(sys.stdin)["text"]
json.dump({"words": len(text.split())}, sys.stdout)
