"""What other systems are shown of a pack's last values: `state`, Home Assistant, Sparkplug B, SenML. None is evidence.

The room is exchange: forms of others, made of records (records/bodies.py) and known to nothing below the programs. In
`signals` they would have to import upwards; `records` is the verifier's room, which nothing of dashboards belongs in.
"""
