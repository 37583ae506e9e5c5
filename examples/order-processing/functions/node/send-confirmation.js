// SendConfirmation: tells the customer. The message lands in a file; a real shop would hand it to its mail service here.
"use strict";

const shop = require("./shop");

exports.handler = async (event) => {
  const order = await shop.begin(event);
  const message = {
    to: order.customer.email,
    subject: `Your order ${order.orderId}`,
    text: `Dear ${order.customer.name}, we have received ${euros(order.payment.amountCents)} and are packing your parcel.`,
  };
  shop.writeJson(message, "confirmations", `${order.orderId}.json`);
  return message;
};

function euros(cents) {
  return `EUR ${(cents / 100).toFixed(2)}`;
}
