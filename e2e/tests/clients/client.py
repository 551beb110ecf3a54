"""A shop that uses the client which openapi-python-client made of /openapi.json: what a person would write first.

It must never read a word as a text: every status, reason and problem type is one of the client's own. Arguments: the address.
"""

import sys
import uuid

from ledger_client import Client
from ledger_client.api.orders import cancel_order, confirm_order, place_order, show_order
from ledger_client.api.stock import list_stock, receive_stock, show_stock
from ledger_client.models import (
    AcceptedOrder,
    CancelBody,
    ChangedOrder,
    HoldBody,
    LineBody,
    LineStatus,
    OrderAnswer,
    OrderOfLines,
    OrderOfOneLine,
    OrderStatus,
    ProblemDocument,
    ProblemType,
    ReceiptBody,
    RefusalReason,
    StockPage,
    StockView,
)


def a(kind, answer):
    """The answer, which must be of that type."""
    assert isinstance(answer, kind), f"{kind.__name__} was expected, found {answer!r}"
    return answer


def main(address: str) -> None:
    with Client(base_url=address, raise_on_unexpected_status=True) as client:
        user, run = "python", uuid.uuid4().hex[:8]
        bar, tea = f"bar-{run}", f"tea-{run}"
        for product in (bar, tea):
            receive_stock.sync(product, client=client, body=ReceiptBody(quantity=10), prefer="wait=10")

        # An order of one product, confirmed, and read.
        order = OrderOfOneLine(user_id=user, product_id=bar, quantity=3, unit_price=250)
        answer = place_order.sync_detailed(client=client, body=order, prefer="wait=10", idempotency_key=f"k-{run}")
        assert answer.status_code == 201, answer
        placed = a(AcceptedOrder, answer.parsed)
        assert placed.status is OrderStatus.CONFIRMED
        # The same key again is the same order.
        again = a(AcceptedOrder, place_order.sync(client=client, body=order, prefer="wait=10", idempotency_key=f"k-{run}"))
        assert again.order_id == placed.order_id
        read = a(OrderAnswer, show_order.sync(placed.order_id, client=client, after=placed.position))
        assert (read.status, read.total_price, read.lines[0].quantity) == (OrderStatus.CONFIRMED, 750, 3)
        assert read.lines[0].status is LineStatus.RESERVED
        assert read.placed_at.tzinfo is not None

        # An order of several products, held, then confirmed.
        lines = [LineBody(product_id=product, quantity=1, unit_price=100) for product in (bar, tea)]
        basket = OrderOfLines(user_id=user, lines=lines, currency="EUR", hold=HoldBody(expires_in_seconds=600))
        held = a(AcceptedOrder, place_order.sync(client=client, body=basket, prefer="wait=10"))
        assert held.status is OrderStatus.HELD and held.expires_at.tzinfo is not None
        confirmed = confirm_order.sync(held.order_id, client=client, after=held.position, prefer="wait=10")
        assert a(ChangedOrder, confirmed).status is OrderStatus.CONFIRMED

        # A confirmed order is cancelled, with a note.
        cancelled = cancel_order.sync(held.order_id, client=client, body=CancelBody(note="changed my mind"), prefer="wait=10")
        assert a(ChangedOrder, cancelled).status is OrderStatus.CANCELLED
        refused = a(ProblemDocument, confirm_order.sync(held.order_id, client=client, after=cancelled.position, prefer="wait=10"))
        assert refused.type_ is ProblemType.NOT_HELD and refused.order_status is OrderStatus.CANCELLED

        # Stock: a page of it, and one product.
        page = a(StockPage, list_stock.sync(client=client, limit=200))
        assert {bar, tea} <= {item.product_id for item in page.items} or page.next_cursor is not None
        stock = a(StockView, show_stock.sync(bar, client=client, after=cancelled.position))
        assert (stock.available, stock.held) == (7, 0), stock

        # Refusals: more than there is, a field that is wrong, and nothing there.
        much = OrderOfOneLine(user_id=user, product_id=bar, quantity=1000, unit_price=1)
        answer = place_order.sync_detailed(client=client, body=much, prefer="wait=10")
        problem = a(ProblemDocument, answer.parsed)
        assert answer.status_code == 409 and problem.type_ is ProblemType.OUT_OF_STOCK, answer
        assert problem.available == 7 and problem.lines[0].reason is RefusalReason.OUT_OF_STOCK
        wrong = OrderOfOneLine(user_id=user, product_id=bar, quantity=0, unit_price=1)
        problem = a(ProblemDocument, place_order.sync(client=client, body=wrong))
        assert problem.type_ is ProblemType.INVALID_FIELD and problem.errors[0].field == "quantity"
        problem = a(ProblemDocument, show_order.sync(uuid.uuid4(), client=client))
        assert problem.type_ is ProblemType.NOT_FOUND and problem.status == 404
    print("done")


main(sys.argv[1])
