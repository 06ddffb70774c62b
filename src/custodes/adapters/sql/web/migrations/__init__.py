"""How web's own database came to be as it is."""
