// CheckInventory: says whether the warehouse has every line of the order, and what it lacks.
"use strict";

const fs = require("node:fs");
const shop = require("./shop");

exports.handler = async (event) => {
  const order = await shop.begin(event);
  const stock = shop.products();
  const missing = order.items
    .map(({ sku, quantity }) => ({ sku, wanted: quantity, left: stock[sku].stock - reservedByOthers(sku, order.orderId) }))
    .filter(({ wanted, left }) => wanted > left);
  return { available: missing.length === 0, missing };
};

/** How many pieces other orders have reserved. An order's own reservation does not stand in its way when it is run again. */
function reservedByOthers(sku, orderId) {
  return reservations(sku)
    .filter(({ order }) => order !== orderId)
    .reduce((sum, { quantity }) => sum + quantity, 0);
}

function reservations(sku) {
  const folder = shop.reservationsFolder(sku);
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).map((name) => {
    const [order, quantity] = name.split(".");
    return { order, quantity: Number(quantity) };
  });
}
