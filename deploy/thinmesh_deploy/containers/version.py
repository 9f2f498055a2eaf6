"""Which version of thinmesh's own images the rendered files ask for: the one that renders them."""

from importlib.metadata import version

VERSION = version("thinmesh")
