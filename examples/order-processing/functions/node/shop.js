// What the shop's Node functions share; functions/python/shop.py tells how the data folder is laid out.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const DATA = process.env.ORDER_DATA || path.resolve(__dirname, "..", "..", "data");

/** The service behind a state does not answer just now; asking again later may help. */
class ServiceException extends Error {
  name = "ServiceException";
}

/** Notes the attempt, then plays what the order asks to be played for this state; gives back the order. */
async function begin({ order, attempt }) {
  noteInLedger(attempt);
  const { seconds = 0, failures = 0 } = order.simulate?.[attempt.state] ?? {};
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  if (attempt.number < failures) throw new ServiceException(`no answer to attempt ${attempt.number + 1}`);
  return order;
}

/** Adds one line per attempt to the folder BATON_LEDGER, if there is one, by a single write, which a kill cannot tear. */
function noteInLedger({ execution, state, number }) {
  const folder = process.env.BATON_LEDGER;
  if (!folder) return;
  fs.mkdirSync(folder, { recursive: true });
  const line = JSON.stringify({ execution, state, attempt: number }) + "\n";
  fs.appendFileSync(path.join(folder, `${execution.split(":").at(-1)}.jsonl`), line);
}

/** The shop's products: SKU -> { name, priceCents, stock }. */
function products() {
  return JSON.parse(fs.readFileSync(path.join(DATA, "inventory.json"), "utf8"));
}

/** The folder in which a file ORDER.QUANTITY stands for goods of this SKU that are set aside for an order. */
function reservationsFolder(sku) {
  return path.join(DATA, "reservations", sku);
}

/** Puts `document` at DATA/`parts` as a whole: readers see the old file or the new one, never half of one. */
function writeJson(document, ...parts) {
  const target = path.join(DATA, ...parts);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  const draft = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}`);
  fs.writeFileSync(draft, JSON.stringify(document, null, 2) + "\n");
  fs.renameSync(draft, target);
}

module.exports = { begin, products, reservationsFolder, writeJson };
