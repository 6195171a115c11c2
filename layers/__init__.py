"""Content layers: bottom (understand), middle (arrange), top (write and verify)."""
