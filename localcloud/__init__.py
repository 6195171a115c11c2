"""Local stand-ins for Azure services. Never imported by the app, never deployed."""
