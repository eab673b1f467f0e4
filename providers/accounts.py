"""The deployments of one provider, and which of them gets the next container."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from providers.errors import InvalidRequest
from providers.upstream import Upstream


@dataclass(frozen=True)
class Account:
    """One deployment: its API, and how often it is picked."""

    upstream: Upstream
    weight: float


def pick(accounts: Mapping[str, Account]) -> str:
    """Return the name of one by weight, of those that are not left alone if there are any.

    One without a weight is never picked. Raises InvalidRequest when none has a weight.
    """
    weights = {name: account.weight for name, account in accounts.items() if account.weight}
    if not weights:
        raise InvalidRequest(
            "No deployment takes new containers unless it is named in this header.",
            param="x-berth-deployment",
            code="missing_required_parameter",
        )
    usable = {n: w for n, w in weights.items() if accounts[n].upstream.circuit.wait_s == 0}
    weights = usable or weights
    return random.choices(list(weights), weights=list(weights.values()))[0]  # noqa: S311
