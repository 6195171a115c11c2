"""The public contract: shapes of answers and what is said of each route."""
