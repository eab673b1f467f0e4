"""The official OpenAI SDK, with nothing changed but its base URL."""
