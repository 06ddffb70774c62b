"""FFmpeg: sources other than RTSP, with lower assurance, and a check of exported files.

Lower assurance: FFmpeg takes the stream apart before Custodes sees it. What is recorded is what FFmpeg made
of the camera's bytes, the loss of packets cannot be counted, and there is no camera time.

A source is read by a process of its own (`child`), which opens it, takes the packets out and hands them on
(`frames`); all that is read out of packets is read by whoever started it (`client`, `units`). A crash, a hang or
a defect in FFmpeg thus ends one session of one stream, and reaches neither keys nor other cameras.
"""
