"""`python -m dynkube.cli`: the command without its console script."""

from __future__ import annotations

import sys

from dynkube.cli import main

sys.exit(main())
