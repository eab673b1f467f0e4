"""Keeps out of memory what connexion imports and a server never uses: two HTTP clients, 15 MB.

Who does use one gets it: a stand-in imports the real module when something of it is asked for.
"""

import importlib
import sys
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """A module that is imported when it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what importing asks for
            raise AttributeError(name)
        return getattr(self.load(), name)

    def load(self) -> ModuleType:
        """Return the real module, and have all later imports find it."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return importlib.import_module(self.__name__)


class _TestClientLater(_Later):
    """Starlette's test client, of which connexion imports the class by its name."""

    def TestClient(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802 - it stands for a class
        """Return a client."""
        return self.load().TestClient(*args, **kwargs)


def import_clients_later() -> None:
    """Let modules that are imported from now on do without the clients, unless they use them."""
    for later in (_Later("httpx"), _TestClientLater("starlette.testclient")):
        sys.modules.setdefault(later.__name__, later)
