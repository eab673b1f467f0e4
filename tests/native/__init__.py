"""Native providers, through the whole gateway."""
