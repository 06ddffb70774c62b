"""The veiler: sub-stream packets in, the de-identified rendition out; fenced off from everything else."""
