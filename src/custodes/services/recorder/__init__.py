"""The process that talks to cameras: receives, seals at once, keeps account."""
