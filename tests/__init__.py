"""The tests: behaviour through the front door."""
