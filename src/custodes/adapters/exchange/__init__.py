"""Questions to a service and their answers, by a network folder or by HTTP: the same objects."""
