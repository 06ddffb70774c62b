"""The only code that talks to the world: cameras, stores, databases, buses."""
