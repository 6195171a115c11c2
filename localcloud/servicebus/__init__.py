"""A local Service Bus namespace: an AMQP 1.0 broker that the official SDKs talk to unchanged."""
