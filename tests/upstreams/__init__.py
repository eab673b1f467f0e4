"""Fake providers for tests: one that keeps to OpenAI's document, and one that misbehaves."""
