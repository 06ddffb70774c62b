"""Access units, segments and timelines of coded video, as pure data."""
