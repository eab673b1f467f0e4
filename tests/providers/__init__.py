"""The promises that every provider keeps, and each provider's own."""
