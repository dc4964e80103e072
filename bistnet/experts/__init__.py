"""The mixed expert block (MEB): semantic and edge maps of gray frames from frozen networks."""

from bistnet.experts.build import NAMES, Form, build_expert
from bistnet.experts.expert import Expert, FrozenExpert, Kind, MixedExperts
from bistnet.experts.maps import ExpertMaps, cached_maps, luminance_digest

__all__ = [
    "NAMES",
    "Expert",
    "ExpertMaps",
    "Form",
    "FrozenExpert",
    "Kind",
    "MixedExperts",
    "build_expert",
    "cached_maps",
    "luminance_digest",
]
