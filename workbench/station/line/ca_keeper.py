"""Keeps the recipe's certificate authority serving while the line is open.

A CA's worker ends with its last client, and takes a second to open its keys: without this each unit would
wait for that.  Whatever goes wrong here is told by the unit that needs the CA, and by nobody else.
"""

from __future__ import annotations

import threading
from typing import Final

from workbench.errors import WorkbenchError
from workbench.station.recipes.recipe import IdentityOrders, Recipe

CLOSE_S: Final = 10.0


class CaKeeper:
    """A client of the CA that asks nothing, in a thread of its own; none where no CA can be opened without a
    person.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        orders = recipe.identity
        if orders is not None and orders.ca_credential is not None:
            self._thread = threading.Thread(target=self._keep, args=(orders,), name="line-ca", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Lets the CA's worker end, if nobody else needs it."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _keep(self, orders: IdentityOrders) -> None:
        from workbench.identity.ca.client import open_ca
        from workbench.identity.ca.credential import read_credential

        def passphrase() -> bytes:
            assert orders.ca_credential is not None
            return read_credential(orders.ca_credential)

        try:
            with open_ca(orders.ca, passphrase):
                self._over.wait()
        except WorkbenchError:
            return
