"""What the emulated board runs when it is strapped to start its program: one of the two firmwares in its state folder
where there is one, as on other boards, else the one in the ROM file system, which runs in place."""

import gc
import os

gc.threshold(4096)  # as on other boards (loader.py)

import root  # noqa: E402

if "a" in os.listdir(root.mount()):
    import loader

    loader.run(root)
else:
    import main

    main.start(root.STATE)
