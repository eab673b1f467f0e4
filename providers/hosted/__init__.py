"""Berth's own backend: containers for providers that have none."""
