"""Builds what serves each provider's containers, and finds it again."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from blobs.directory import BlobDirectory
from catalog.containers import Container
from catalog.database import Database
from catalog.stored_files import StoredFile
from gateway.config import Deployment, ProviderConfig, base_url
from providers import NATIVE
from providers.accounts import Account
from providers.azure import Azure
from providers.base import Provider
from providers.errors import InvalidRequest
from providers.file_store import FileStore
from providers.hosted.files import HostedFiles
from providers.hosted.provider import Hosted
from providers.openai import OpenAI
from providers.openai_files import OpenAIFiles
from providers.upstream import Limits, Upstream, unobserved
from providers.upstream_errors import UpstreamUnavailable

Observe = Callable[[str, str, str], None]
"""Counts a call: its provider, deployment and outcome."""

ADAPTERS: dict[str, type[OpenAI]] = {"openai": OpenAI, "azure": Azure}


class Registry:
    """The 21 providers of one worker."""

    def __init__(
        self,
        configs: Mapping[str, ProviderConfig],
        database: Database,
        blobs: BlobDirectory,
        *,
        threads: int,
        clock: Callable[[], float],
        observe: Observe = unobserved,
    ) -> None:
        self.configs = configs
        self.hosted = Hosted(database, blobs, clock=clock)
        self.hosted_files = HostedFiles(database, blobs, clock=clock)
        accounts = {
            name: _accounts(name, config, threads, observe)
            for name, config in configs.items()
            if name in NATIVE and config.deployments
        }
        self.native = {name: ADAPTERS[name](name, accounts[name], database) for name in accounts}
        self.native_files = {
            name: OpenAIFiles(accounts[name], database, clock=clock) for name in accounts
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self.configs)

    def backend(self, name: str) -> str:
        """Return `native`, `hosted` or `off`."""
        return self.configs[name].serves

    def for_new(self, name: str) -> Provider:
        """Return what serves new containers of a provider. Raises InvalidRequest when it is off."""
        backend = self.backend(name)
        if backend == "off":
            raise InvalidRequest(
                f"Provider '{name}' is switched off.", param="provider", code="provider_off"
            )
        return self.native[name] if backend == "native" else self.hosted

    def of(self, container: Container) -> Provider:
        """Return what serves a container: what it was created with, for as long as it lives."""
        self.for_new(container.provider)
        if container.backend == "hosted":
            return self.hosted
        if container.provider not in self.native:
            raise UpstreamUnavailable("The container's deployment is not configured any more.")
        return self.native[container.provider]

    def files_for_new(self, name: str) -> FileStore:
        """Return what keeps a provider's new files. Raises InvalidRequest when it is off."""
        if self.for_new(name).backend == "native" and name in self.native_files:
            return self.native_files[name]
        return self.hosted_files

    def pick_file_deployment(self, name: str, wanted: str | None) -> str | None:
        """Return the deployment for a new file. Raises InvalidRequest for an unknown one."""
        is_native = self.files_for_new(name).backend == "native"
        return (self.native[name] if is_native else self.hosted).pick_deployment(wanted)

    def files_of(self, file: StoredFile) -> FileStore:
        """Return what keeps a file."""
        self.for_new(file.provider)
        if file.backend == "hosted":
            return self.hosted_files
        if file.provider not in self.native_files:
            raise UpstreamUnavailable("The file's deployment is not configured any more.")
        return self.native_files[file.provider]

    def close(self) -> None:
        """Close all connections."""
        for provider in self.native.values():
            provider.close()


def _accounts(
    name: str, config: ProviderConfig, threads: int, observe: Observe
) -> dict[str, Account]:
    return {
        deployment.name: Account(
            _upstream(name, config, deployment, threads, observe), deployment.weight
        )
        for deployment in config.deployments
    }


def _upstream(
    name: str, config: ProviderConfig, deployment: Deployment, threads: int, observe: Observe
) -> Upstream:
    network = config.network
    upstream = Upstream(
        base_url(name, deployment),
        _headers(name, deployment),
        limits=Limits(
            connect_timeout_s=network.connect_timeout_s,
            idle_timeout_s=network.idle_timeout_s,
            total_timeout_s=network.total_timeout_s,
            max_retries=network.max_retries,
        ),
        connections=threads,
        proxy=network.proxy.get_secret_value() if network.proxy else None,
        ca_bundle=str(network.ca_bundle) if network.ca_bundle else None,
    )
    upstream.observe = partial(observe, name, deployment.name)
    return upstream


def _headers(name: str, deployment: Deployment) -> dict[str, str]:
    """Return the headers that carry the credentials, as the provider wants them."""
    if deployment.entra_token is not None:
        return {"Authorization": f"Bearer {deployment.entra_token.get_secret_value()}"}
    key = deployment.api_key.get_secret_value() if deployment.api_key else ""
    if name == "azure":
        return {"api-key": key}
    headers = {"Authorization": f"Bearer {key}"}
    if deployment.organization:
        headers["OpenAI-Organization"] = deployment.organization
    if deployment.project:
        headers["OpenAI-Project"] = deployment.project
    return headers
