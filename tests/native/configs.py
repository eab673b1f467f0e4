"""Configurations of native providers, as objects and as a file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.config import Deployment, Network, ProviderConfig

KEY = "sk-proj-main-4242"
EU_KEY = "sk-proj-eu-4343"
BOXES = "/openai/v1/containers"


def deployment(base_url: str, name: str = "main", key: str = KEY, **fields: Any) -> Deployment:
    """Return a deployment that is served at a URL."""
    given = {"name": name, "api_key": key, "base_url": base_url, **fields}
    return Deployment.model_validate(given)


def native(*deployments: Deployment, **fields: Any) -> ProviderConfig:
    """Return a provider of these deployments that gives up quickly; `network` is a mapping."""
    network = {"connect_timeout_s": 2, "idle_timeout_s": 5, "total_timeout_s": 20}
    network |= fields.pop("network", {})
    return ProviderConfig(
        deployments=deployments, network=Network.model_validate(network), **fields
    )


def write_config(path: Path, providers: Mapping[str, Any]) -> Path:
    """Write a `berth.yaml`: JSON is YAML."""
    path.write_text(json.dumps({"providers": providers}), encoding="utf-8")
    return path
