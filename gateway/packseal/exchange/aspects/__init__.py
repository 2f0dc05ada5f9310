"""The seven parts of a battery passport by IDTA 02035, as Catena-X carries them, and our own part beside them."""
