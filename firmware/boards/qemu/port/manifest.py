"""What is frozen into the emulated board: its start, and asyncio. The firmware comes in the ROM file system."""

freeze(".", "_boot.py")  # type: ignore[name-defined]
include("$(MPY_DIR)/extmod/asyncio")  # type: ignore[name-defined]
