"""Battery management systems as the board hears them, fed by what the plant shows."""
