"""The deployments of one provider, and which of them gets the next container."""

import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from providers.upstream import Upstream


@dataclass(frozen=True)
class Account:
    """One deployment: its API, and how often it is picked."""

    upstream: Upstream
    weight: float


def pick(accounts: Mapping[str, Account]) -> str:
    """Return the name of one by weight, of those that are not left alone if there are any."""
    usable = {n: a for n, a in accounts.items() if a.upstream.circuit.wait_s == 0}
    return _weighted({n: a.weight for n, a in (usable or accounts).items()})


def _weighted(weights: Mapping[str, float]) -> str:
    """Return a name, as often as its weight says; any when all weights are 0."""
    names, total = list(weights), sum(weights.values())
    if total == 0:
        return secrets.choice(names)
    return random.choices(names, weights=list(weights.values()))[0]  # noqa: S311
