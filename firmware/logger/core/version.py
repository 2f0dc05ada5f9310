"""The version of this firmware: what an update states, and what a board compares it with."""

VERSION = (0, 1, 0)
