"""A job's timeline out of what its processes sent."""
