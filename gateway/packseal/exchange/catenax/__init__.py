"""The Catena-X data space: what is registered there, offered there, and told to partners there."""
