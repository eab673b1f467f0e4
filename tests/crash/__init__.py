"""A server that is killed under load, and a check that it kept every promise."""
