"""Live streams other than RTSP, for tests."""
