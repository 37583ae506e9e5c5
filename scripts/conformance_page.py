"""Writes docs/conformance.md from the result of a conformance run.

Usage: conformance_page.py RESULT.json BASELINES.json > docs/conformance.md
RESULT.json is what scripts/conformance.sh leaves where CONFORMANCE_JSON says; BASELINES.json has the figures of other engines and the known reasons
for differences. Nothing on the page is written by hand.
"""
import collections
import json
import re
import sys

HEAD = """# Conformance

*Written by `scripts/conformance_page.py` from a run of `scripts/conformance.sh`; `make conformance-page` writes it anew. Do not edit it.*

The corpus holds answers that were recorded from AWS Step Functions: histories, descriptions, errors, log events. A case counts as **exact** when every answer is equal to AWS's in
everything that is compared: event ids, order, `previousEventId`, all details, error names and texts. It counts as **passed** when it is equal but for the paths which the recordings'
own tests leave out.
"""


def share(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "–"


def engines(result, baselines):
    yield "| engine | cases | passed | exact | exact, share |\n|---|---:|---:|---:|---:|"
    rows = {"**baton**": {"cases": result["total"], "passed": result["passed"], "strict": result["strict"]}, **baselines["peers"]}
    for name, row in rows.items():
        yield f"| {name} | {row['cases']} | {row['passed']} | {row['strict']} | {share(row['strict'], row['cases'])} |"


def categories(result, baselines):
    peers = [name for name, row in baselines["peers"].items() if "categories" in row]
    yield "| category | cases | passed | exact | exact, share |" + "".join(f" {name}, exact |" for name in peers)
    yield "|---|---:|---:|---:|---:|" + "---:|" * len(peers)
    for name, row in sorted(result["categories"].items()):
        cells = [str(baselines["peers"][peer]["categories"].get(name, "–")) for peer in peers]
        line = [name, str(row["cases"]), str(row["passed"]), str(row["strict"]), share(row["strict"], row["cases"]), *cells]
        yield "| " + " | ".join(line) + " |"


def member(path):
    """The last name in a path such as `$.describe_resp.events[3].taskFailedEventDetails.cause`."""
    names = re.findall(r"\.([A-Za-z_]\w*)", path)
    return names[-1] if names else path


def differences(result):
    """Cases that are not exact, by the first member that differs; those that could not be run, by what they lack."""
    found = collections.defaultdict(list)
    for case in result["results"]:
        if case["strict"]:
            continue
        paths = [difference[0] for difference in case.get("diffs", [])]
        found[member(paths[0]) if paths else "(no answer to compare)"].append(case)
    return sorted(found.items(), key=lambda entry: (-len(entry[1]), entry[0]))


def table_of_differences(result, baselines):
    yield "| first member that differs | cases | of them passed | in | known reason |\n|---|---:|---:|---|---|"
    for name, cases in differences(result):
        where = collections.Counter(case["category"] for case in cases)
        places = ", ".join(f"{category} ({count})" for category, count in sorted(where.items()))
        passed = sum(case["lenient"] for case in cases)
        yield f"| `{name}` | {len(cases)} | {passed} | {places} | {baselines['reasons'].get(name, '')} |"


def main(result_path, baselines_path):
    result, baselines = json.load(open(result_path)), json.load(open(baselines_path))
    rest = baselines["corpus_cases"] - result["total"]
    print(HEAD)
    print("\n".join(engines(result, baselines)))
    print(f"\nThe other engines' figures are of the whole corpus of {baselines['corpus_cases']} cases; {rest} of them were not part of this run.")
    print("\n## By category\n")
    print("\n".join(categories(result, baselines)))
    print("\n## What is not exact\n")
    print("\n".join(table_of_differences(result, baselines)))


if __name__ == "__main__":
    main(*sys.argv[1:])
