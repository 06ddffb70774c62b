"""Opening footage: request, decision, release, disclosure, evidence."""
