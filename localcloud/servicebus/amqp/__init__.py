"""The wire: AMQP 1.0 types, frames, connections, sessions and links. Knows nothing of queues."""
