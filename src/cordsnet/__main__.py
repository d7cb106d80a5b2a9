"""`python -m cordsnet`."""

import sys

from cordsnet.cli import main

sys.exit(main())
