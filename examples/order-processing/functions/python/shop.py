"""What the shop's Python functions share: its data folder, and how an attempt begins.

The data are plain files, so that a reader can follow an order with `cat` and `ls`:

    data/inventory.json                  the products: name, price, stock
    data/payments/ORDER.json             one receipt for each paid order
    data/reservations/SKU/ORDER.QUANTITY goods set aside for an order
    data/confirmations/ORDER.json        the message that the customer got

Every file belongs to one order and is put in place whole, by a rename, so any number of orders may run at once and a
step that runs again for the same order finds, or writes, the same thing.
"""

import json
import os
import time
from pathlib import Path

DATA = Path(os.environ.get("ORDER_DATA") or Path(__file__).resolve().parents[2] / "data")


class PaymentServiceException(Exception):
    """The bank does not answer just now; asking again later may help."""


class ServiceException(Exception):
    """The order service does not answer just now; asking again later may help."""


def begin(event, outage):
    """Notes the attempt, then plays what the order asks to be played for this state; gives back the order.

    `simulate: {"STATE": {"seconds": S, "failures": N}}` in an order makes each attempt of that state take S seconds and
    its first N attempts fail with `outage`, so that waiting and retries can be watched.
    """
    order, attempt = event["order"], event["attempt"]
    note_in_ledger(attempt)
    play = order.get("simulate", {}).get(attempt["state"], {})
    time.sleep(play.get("seconds", 0))
    if attempt["number"] < play.get("failures", 0):
        raise outage(f"no answer to attempt {attempt['number'] + 1}")
    return order


def note_in_ledger(attempt):
    """Adds one line per attempt to the folder BATON_LEDGER, if there is one: the proof of what really ran, and how often.

    One file per execution; a line this short is appended by a single write, which a kill cannot tear.
    """
    folder = os.environ.get("BATON_LEDGER")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    name = attempt["execution"].rsplit(":", 1)[-1]
    line = json.dumps({"execution": attempt["execution"], "state": attempt["state"], "attempt": attempt["number"]})
    ledger = os.open(f"{folder}/{name}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(ledger, line.encode() + b"\n")
    finally:
        os.close(ledger)


def read_json(path):
    """The JSON document in `path`, or None where there is no such file."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def write_json(path, document):
    """Puts `document` at `path` as a whole: readers see the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(document, indent=2) + "\n")
    os.replace(draft, path)
