"""Share an object between two programs: each owns the fields it applies, and learns of a conflict."""

from __future__ import annotations

import dynkube

NAME = "dynkube-apply-example"


def main(dyn: dynkube.DynamicClient) -> None:
    """Apply as two managers, run into a conflict, and settle it."""
    config_maps = dyn.resource("v1", "configmaps").namespace("default")

    config_maps.apply({"metadata": {"name": NAME}, "data": {"color": "blue"}}, field_manager="painter")
    # Another manager adds a field of its own: nobody loses anything.
    merged = config_maps.apply({"metadata": {"name": NAME}, "data": {"size": "M"}}, field_manager="tailor")
    print("both own a part:", merged["data"])

    try:
        config_maps.apply({"metadata": {"name": NAME}, "data": {"size": "M", "color": "red"}}, field_manager="tailor")
    except dynkube.Conflict as conflict:
        for cause in conflict.causes:
            print("conflict about", cause["field"])

    forced = config_maps.apply(
        {"metadata": {"name": NAME}, "data": {"size": "M", "color": "red"}}, field_manager="tailor", force=True
    )
    print("forced:", forced["data"]["color"])

    # What a manager applies no more, and nobody else owns, is removed.
    print("left:", config_maps.apply({"metadata": {"name": NAME}}, field_manager="tailor").get("data"))
    config_maps.delete(NAME)


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
