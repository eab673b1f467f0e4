"""Measures what Berth costs, against its goals and against others in its place."""
