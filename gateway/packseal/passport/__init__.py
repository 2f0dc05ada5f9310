"""The fold from verified records to a battery's passport, and the checks of what was stored. No disk, no clock."""
