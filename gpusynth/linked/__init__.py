"""linked: several files synthesized together, parents first and then their children.

A firm has establishments, an establishment has products: each file is synthesized by the engine,
given its parent's synthetic rows. May import engine and the floors below.
"""

from gpusynth.linked.library import synthesize_linked
from gpusynth.linked.link import Link
from gpusynth.linked.links_file import LinksFile, read_links
from gpusynth.linked.resuming import resume_linked
from gpusynth.linked.run import LinkedFile, LinkedRun

__all__ = [
    "Link",
    "LinkedFile",
    "LinkedRun",
    "LinksFile",
    "read_links",
    "resume_linked",
    "synthesize_linked",
]
