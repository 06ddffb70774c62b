"""A tiny invented harbour town as an OpenStreetMap extract."""
