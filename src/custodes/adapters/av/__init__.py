"""FFmpeg: sources other than RTSP, with lower assurance, and a check of exported files.

Lower assurance: FFmpeg takes the stream apart before Custodes sees it. What is recorded is what FFmpeg made
of the camera's bytes, the loss of packets cannot be counted, and there is no camera time.
"""
