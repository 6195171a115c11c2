"""Stand-ins for services of the open internet, for one machine without it."""
