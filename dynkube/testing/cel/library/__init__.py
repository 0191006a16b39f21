"""The functions rules may call, a module per subject; each has ``overloads()``, which yields their signatures."""

from __future__ import annotations

from dynkube.testing.cel.library import (
    conversions,
    lists,
    name_formats,
    networks,
    operators,
    optionals,
    quantities,
    strings,
    times,
    urls,
    versions,
)

#: In the order kube-apiserver's environment adds them.
OVERLOADS = (
    operators.overloads,
    conversions.overloads,
    strings.overloads,
    times.overloads,
    urls.overloads,
    lists.overloads,
    optionals.overloads,
    quantities.overloads,
    networks.overloads,
    name_formats.overloads,
    versions.overloads,
)
