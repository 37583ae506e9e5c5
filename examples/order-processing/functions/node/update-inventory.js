// UpdateInventory: sets the goods aside. A reservation is an empty file, so making it again changes nothing and needs no lock.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const shop = require("./shop");

exports.handler = async (event) => {
  const order = await shop.begin(event);
  return { reservations: order.items.map(({ sku, quantity }) => reserve(sku, order.orderId, quantity)) };
};

function reserve(sku, orderId, quantity) {
  const folder = shop.reservationsFolder(sku);
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, `${orderId}.${quantity}`), "");
  return { sku, quantity };
}
