"""The registry: the 21 providers and what serves each one's containers."""

PROVIDERS = (
    "openai",
    "azure",
    "anthropic",
    "bedrock",
    "cohere",
    "vertex",
    "vllm",
    "mistral",
    "ollama",
    "groq",
    "sgl",
    "parasail",
    "perplexity",
    "replicate",
    "cerebras",
    "gemini",
    "openrouter",
    "elevenlabs",
    "huggingface",
    "nebius",
    "xai",
)
"""Their names, in the order the document lists them."""

NATIVE = {
    "openai": "https://api.openai.com/v1",
    "azure": "",
}
"""The providers with containers of their own, and where their API is by default."""
