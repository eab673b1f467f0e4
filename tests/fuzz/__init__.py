"""Fuzzing of every operation: what schemathesis sends and checks, and a test that runs it."""
