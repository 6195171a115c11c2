"""What ``./dev`` does: set-up, the local stack, generating an article, checks, tests and benchmarks."""
