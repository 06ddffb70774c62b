"""A recorder with everything it needs, and whoever opens afterwards what it sealed."""
