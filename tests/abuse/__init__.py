"""Clients that mean harm: each costs bounded memory and time, and nobody else is kept waiting."""
