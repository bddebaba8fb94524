"""`python -m hpc_nu` is `hpc-nu`."""

import sys

from hpc_nu.cli import main

sys.exit(main())
