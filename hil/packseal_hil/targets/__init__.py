"""Targets: what runs the firmware."""
