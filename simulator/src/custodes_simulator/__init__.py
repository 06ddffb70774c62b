"""Simulated cameras over real RTSP, which behave and misbehave as asked."""
