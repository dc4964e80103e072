"""Where colorbench keeps what it makes or downloads once."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "COLORBENCH_CACHE"


def cache_root() -> Path:
    """``$COLORBENCH_CACHE``, else the system's cache folder for colorbench. It need not exist; all in it may be deleted."""
    import platformdirs

    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("colorbench"))
