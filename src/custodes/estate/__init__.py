"""The network's sites, cameras, streams, purposes and policies."""
