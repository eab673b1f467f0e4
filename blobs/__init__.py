"""Bytes: streamed in, hashed on the way, and durable before anyone is told of them."""
