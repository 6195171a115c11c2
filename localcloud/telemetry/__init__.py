"""The ingestion endpoint of Application Insights on this machine: what a process sends is kept and can be looked at."""
