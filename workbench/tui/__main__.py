"""`python -m workbench.tui`."""

import sys

from workbench.tui.main import main

if __name__ == "__main__":
    sys.exit(main())
