"""A whole network at work, simulated cameras before it, and what can be done to it."""
