"""`python -m cpaas`: the command line."""

import sys

from cpaas.cli.main import main

sys.exit(main())
