"""The vocabulary of the JSON-LD and its validation."""
