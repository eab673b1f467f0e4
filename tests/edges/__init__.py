"""Requests that no client library sends, byte by byte, to a live server."""
