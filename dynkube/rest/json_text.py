"""`json.loads`, undisturbed by the garbage collector while it builds what is none yet."""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

if sys.version_info >= (3, 12):
    # The interpreter itself has become this way: it does not collect in the middle of a C function.
    loads = json.loads
else:

    def loads(text: str) -> Any:
        """Return the JSON value of `text`; raises as `json.loads` does.

        The collector would be started a few times per megabyte, each time to walk over the new objects, all alive, and
        sometimes over all objects there are. It is left as it was found, and other threads do not run meanwhile, so
        none sees it switched off for longer than a moment. Only a `gc.disable()` of another thread in that very moment
        would be undone.
        """
        # Saves 20 % of a list of 5,000 pods and of an informer of them, 17 % of one of 50,000 config maps.
        if not gc.isenabled():
            return json.loads(text)
        gc.disable()
        try:
            return json.loads(text)
        finally:
            gc.enable()
