"""`python -m cordsnet.cli`."""

import sys

from cordsnet.cli import main

sys.exit(main())
