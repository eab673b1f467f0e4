"""What the document names: arguments in, one call, a dict out."""
