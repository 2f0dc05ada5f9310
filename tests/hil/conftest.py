"""The sample repository is another team's: its tests run in a pytest of their own (test_plugin.py)."""

collect_ignore = ["sample_repository"]
