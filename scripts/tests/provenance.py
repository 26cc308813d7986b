# SPDX-License-Identifier: Apache-2.0
"""What differs between two reports of the same run: times, and where they were made."""

VARYING = {"seconds", "launch_seconds", "made", "made_with"}


def without_provenance(value):
    """The JSON of a report or of a record without these, at any depth."""
    if isinstance(value, dict):
        return {name: without_provenance(each) for name, each in value.items() if name not in VARYING}
    return [without_provenance(each) for each in value] if isinstance(value, list) else value
