"""WHO MAY DO WHAT: the use cases, as plain functions."""
