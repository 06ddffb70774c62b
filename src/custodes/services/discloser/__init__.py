"""The process that opens what was granted, and nothing else."""
