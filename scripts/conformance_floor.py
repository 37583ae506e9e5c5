"""Compares a conformance result with the figures kept in the repository.

Usage: conformance_floor.py RESULT.json FLOOR.json
Fails when fewer cases come back exactly than the floor says, in all or in any category, and says when the floor can be raised.
"""
import json
import sys


def main(result_path, floor_path):
    result = json.load(open(result_path))
    floor = json.load(open(floor_path))
    print(f"conformance: {result['strict']} of {result['total']} cases exactly as AWS answered (floor {floor['strict']})")
    below = [] if result["strict"] >= floor["strict"] else [f"all: {result['strict']} < {floor['strict']}"]
    for name, figures in sorted(result["categories"].items()):
        share = 100 * figures["strict"] / figures["cases"]
        print(f"  {name:28} {figures['strict']:4} of {figures['cases']:4}  {share:5.1f} %")
        least = floor["categories"].get(name, 0)
        if figures["strict"] < least:
            below.append(f"{name}: {figures['strict']} < {least}")
    if below:
        sys.exit("below the floor: " + "; ".join(below))
    if result["strict"] > floor["strict"]:
        print(f"the floor in {floor_path} can be raised to {result['strict']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
