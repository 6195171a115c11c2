"""Stand-in for Azure Web PubSub: loopback only, spoken to by the unmodified official clients."""
