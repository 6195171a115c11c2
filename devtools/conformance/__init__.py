"""The part of the host's conformance cases that can be seen over HTTP, run against any Functions host."""
