"""The writer that uses a language model, and everything that holds its drafts to the evidence."""
