"""Chooses adapters and starts services; alone knows whether one machine runs or many."""
