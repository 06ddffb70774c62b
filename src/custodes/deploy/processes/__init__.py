"""The processes of an embedded network, each assembled from the folder and the bus."""
