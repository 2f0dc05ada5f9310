"""What is frozen into the emulated board where its firmware is too: all but main.py and the native signer."""

include("$(PORT_DIR)/manifest.py")  # type: ignore[name-defined]
package("logger", base_path="../../..")  # type: ignore[name-defined]
