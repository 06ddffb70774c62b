"""A quiet street map of one town, made from an OpenStreetMap extract into one file that is served from here."""
