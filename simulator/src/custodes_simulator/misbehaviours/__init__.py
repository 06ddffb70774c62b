"""Ways of being wrong, by name; importing this package fills the register."""
