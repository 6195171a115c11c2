"""Callbacks on their way: signing, secrets, dispatch and delivery."""
