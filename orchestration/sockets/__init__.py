"""Sockets: who watches what, and what Web PubSub tells us."""
