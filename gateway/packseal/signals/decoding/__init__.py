"""How frames are decoded: a DBC as tables and functions. The room's own; others use packseal.signals.Decoder."""
