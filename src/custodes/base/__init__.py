"""What every other package may use: bytes, ids, clocks, errors, fences; knows nothing of cameras."""
