"""Fences that a process sets around itself, and memory for keys. Set before any thread, except the last.

Order: `own_namespaces`, `harden`, `restrict_folders`; then imports and warm-up; last `restrict_calls`,
which holds over all threads, and `holes`, which tries.
"""
