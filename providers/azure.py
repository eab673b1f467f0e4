"""Azure's containers: OpenAI's API; the base path and the `api-key` header are its upstreams'."""

from providers.openai import OpenAI


class Azure(OpenAI):
    """OpenAI's adapter without the secrets for domains, which Azure does not have."""

    refuses = frozenset({"network_policy.domain_secrets"})
