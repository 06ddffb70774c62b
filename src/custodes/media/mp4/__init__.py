"""Plain MP4 files of one video track whose samples are access units byte for byte."""
