"""ProcessPayment: charges the customer's card, once per order however often it is asked."""

import shop

# The bank's test numbers: a card that ends so has no money on it.
DECLINED_ENDING = "0002"


class PaymentDeclined(Exception):
    """The bank said no; asking again gets the same answer."""


def handler(event, context):
    order = shop.begin(event, outage=shop.PaymentServiceException)
    card = order["payment"]["card"]
    if card.endswith(DECLINED_ENDING):
        raise PaymentDeclined(f"the card ending in {card[-4:]} was declined")
    return charge(order["orderId"], card, order["quote"]["totalCents"])


def charge(order_id, card, amount_cents):
    """The order's receipt: the one on file if it has been paid, else a new one."""
    path = shop.DATA / "payments" / f"{order_id}.json"
    receipt = {"paymentId": f"pay-{order_id}", "amountCents": amount_cents, "card": f"**** {card[-4:]}"}
    if shop.read_json(path) != receipt:
        shop.write_json(path, receipt)
    return receipt
