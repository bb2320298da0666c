"""The elements that come with netos, one folder a family, one file an element."""

NETOS_ELEMENTS = True  # the marker the registry looks for: another package called `elements` exists
