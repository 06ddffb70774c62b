"""How web's index came to be as it is."""
