"""Berth's own records in SQL: containers, files, idempotency keys and leases."""
