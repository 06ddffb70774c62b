"""RTSP client of our own: what a camera sent, byte for byte, with what was lost, strange or out of order."""
