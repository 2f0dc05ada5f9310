"""The running programs: wiring of core and io, nothing decided here that could be decided there."""
