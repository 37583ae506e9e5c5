"""ValidateOrder: refuses what cannot be an order, and prices the rest."""

import re

import shop

QUANTITY_MAX = 100


class ValidationError(Exception):
    """The order itself is wrong: no retry helps."""


def handler(event, context):
    order = shop.begin(event, outage=shop.ServiceException)
    check(order)
    products = shop.read_json(shop.DATA / "inventory.json")
    lines = [price(item, products) for item in order["items"]]
    return {"lines": lines, "totalCents": sum(line["amountCents"] for line in lines)}


def check(order):
    require(re.fullmatch(r"[A-Za-z0-9-]{1,64}", str(order.get("orderId"))), "orderId must be 1 to 64 letters, digits or dashes")
    require("@" in str(order.get("customer", {}).get("email")), "customer.email is not an address")
    require(re.fullmatch(r"[0-9]{12,19}", str(order.get("payment", {}).get("card"))), "payment.card is not a card number")
    require(order.get("items"), "an order needs at least one item")
    require(len({item.get("sku") for item in order["items"]}) == len(order["items"]), "one line for each product")


def price(item, products):
    product, quantity = products.get(item.get("sku")), item.get("quantity")
    require(product, f"there is no product {item.get('sku')}")
    require(type(quantity) is int and 1 <= quantity <= QUANTITY_MAX, f"quantity must be 1 to {QUANTITY_MAX}")
    return {
        "sku": item["sku"],
        "name": product["name"],
        "quantity": quantity,
        "amountCents": quantity * product["priceCents"],
    }


def require(condition, problem):
    if not condition:
        raise ValidationError(problem)
