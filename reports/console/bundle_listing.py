"""What `bundle` and `verify` say, for people. A bundle may be a stranger's: its texts come out without control characters."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from colorbench.results.bundle import Bundle
from reports.pictures.labels import shown

_MOST = 20


def bundle_lines(bundle: Bundle) -> list[str]:
    """The archive's SHA-256 and path, as sha256sum prints and checks them."""
    return [f"{bundle.sha256}  {bundle.path}"]


def verdict_lines(bundle: Bundle) -> list[str]:
    """What does not fit, each with file, wanted and found, the first 20 of them; or that all does."""
    lines = []
    for mismatch in bundle.mismatches[:_MOST]:
        lines += [
            shown(mismatch.file, 300),
            f"  wanted: {shown(mismatch.wanted, 300)}",
            f"  found:  {shown(mismatch.found, 300)}",
        ]
    count = len(bundle.mismatches)
    if count > _MOST:
        lines.append(f"and {count - _MOST} more, which --json prints")
    if count and bundle.other_versions:
        lines.append(f"made with {', '.join(shown(text, 100) for text in bundle.other_versions)}, which may round otherwise")
    verdict = (
        f"{count} thing{'s do' if count > 1 else ' does'} not fit" if count else f"{bundle.files} files fit, tables made again"
    )
    incomplete = "" if bundle.complete or count else "; the run is not complete"
    return [*lines, f"{bundle.path}: {verdict}{incomplete}", f"SHA-256 {bundle.sha256}"]


def bundle_record(bundle: Bundle) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "path": str(bundle.path),
        "sha256": bundle.sha256,
        "files": bundle.files,
        "complete": bundle.complete,
        "mismatches": [asdict(mismatch) for mismatch in bundle.mismatches],
        "other_versions": list(bundle.other_versions),
    }
