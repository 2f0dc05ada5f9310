"""The passport in other ecosystems: what leaves, for whom, and by which rule."""
