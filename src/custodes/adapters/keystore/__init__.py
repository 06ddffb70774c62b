"""The shred keys, overwritten in place when they go."""
