"""Which documents become the sources of a job."""
