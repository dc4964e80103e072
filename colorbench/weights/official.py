"""The official weights on this machine: which are here, and from where the others come.

What a method needs is looked up with :func:`require_weights`, which never downloads; :mod:`colorbench.weights.fetching` does,
when the user asks for it. See docs/design/weights.md.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from colorbench.errors import StoreError, UnknownNameError, WeightsError
from colorbench.weights.backbones import weight_folders
from colorbench.weights.manifest import WeightsEntry, load_manifest, select_entries
from colorbench.weights.packages.member import converted_flaw
from colorbench.weights.pins import Pin, PinnedFile, describe_file, pin_path, read_pin, resolve, write_pin
from colorbench.weights.verification import file_digests, verify

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsState:
    """How an entry stands on this machine."""

    entry: WeightsEntry
    state: Literal["here", "missing", "damaged"]
    path: Path
    """Where it lies, or would."""
    reason: str = ""
    """Why it is not usable, or what is not known of it."""
    size: int = 0
    """Bytes on the disk."""
    pin: Pin | None = None


def weights_root() -> Path:
    """The folder of all weights in the cache; it need not exist."""
    return weight_folders()[0]


def weights_state(entry: WeightsEntry, *, root: Path | None = None) -> WeightsState:
    """Looks at an entry's files.

    A file whose size and time are those of its pin is taken as it is; any other is read and compared. What is proved by a
    published digest is pinned, so that it is read once.

    Args:
        entry: of the manifest.
        root: default :func:`weights_root`.
    """
    root = root or weights_root()
    converted = _converted(entry, root)
    if converted is not None and converted.state == "here":
        return converted
    state = _downloaded(entry, root)
    return state if converted is None or state.state == "here" else converted


def _converted(entry: WeightsEntry, root: Path) -> WeightsState | None:
    """What became of a package's member: the first that is here, else a damaged one. Known by its tensors, so without a pin."""
    damaged = None
    for member in entry.packages:
        path = root / member.place
        if path.is_file():
            size = path.stat().st_size
            flaw = converted_flaw(path, member)
            if not flaw:
                return WeightsState(entry=entry, state="here", path=path, size=size)
            damaged = damaged or WeightsState(entry=entry, state="damaged", path=path, reason=flaw, size=size)
    return damaged


def _downloaded(entry: WeightsEntry, root: Path) -> WeightsState:
    """What the addresses give."""
    path = _present(entry, root)
    try:
        pin = read_pin(root, entry.name)
        if pin is not None and (wrong := _contradiction(entry, pin)):
            return WeightsState(entry=entry, state="damaged", path=path, reason=wrong, pin=pin)
        if not path.exists():
            return WeightsState(entry=entry, state="missing", path=path, pin=pin)
        if pin is None:
            return _unpinned(entry, path, root)
        return _pinned(entry, path, root, pin)
    except WeightsError as error:
        return WeightsState(entry=entry, state="damaged", path=path, reason=error.wrong)
    except OSError as error:
        return WeightsState(entry=entry, state="damaged", path=path, reason=f"can't be read: {error.strerror or error}")


def weights_missing(name: str) -> str:
    """Why an entry's weights can't be used, with the command that cures it; empty where they can."""
    state = weights_state(_entry(name))
    if state.state == "here":
        return ""
    return f"{_sentence(state)}; get them with: {state.entry.command}"


def require_weights(name: str, member: str = "") -> Path:
    """Where verified weights lie.

    Args:
        name: of the manifest.
        member: which file of an archive, by the end of its path.

    Raises:
        UnknownNameError: the manifest has no such entry.
        WeightsError: they are not here, or not what they should be.

    >>> require_weights("deepexemplar", "colornet_iter_76000.pth")  # doctest: +SKIP
    """
    entry = _entry(name)
    state = weights_state(entry)
    if state.state != "here":
        raise WeightsError(
            _sentence(state),
            wanted=f"{entry.purpose} ({entry.licence}), in {state.path}",
            remedy=f"{entry.command}; without a network: {add_command(entry)}",
        )
    if entry.kind == "file":
        return state.path
    return find_member(state.path, member or entry.members[0], entry)


def find_member(folder: Path, member: str, entry: WeightsEntry) -> Path:
    """A file of an unpacked archive, by the end of its path; of several the one nearest to the top.

    Raises:
        WeightsError: there is none.
    """
    wanted = tuple(member.split("/"))
    found = [path for path in folder.rglob(wanted[-1]) if path.is_file() and path.parts[-len(wanted) :] == wanted]
    if not found:
        raise WeightsError(
            f"no {member} in {folder}",
            wanted=f"the files of {entry.name}'s archive",
            remedy=f"delete the folder, then {entry.command}",
        )
    return min(found, key=lambda path: (len(path.parts), path))


def add_command(entry: WeightsEntry) -> str:
    """What takes a file that was brought by hand."""
    return f"colorbench weights add {entry.name} FILE"


def list_weights(names: tuple[str, ...] = ()) -> list[Record]:
    """The state of each entry, or of those named, as plain records."""
    entries = load_manifest()
    return [describe_state(weights_state(entry)) for entry in (select_entries(names, entries) if names else entries.values())]


def describe_state(state: WeightsState) -> Record:
    """A state as a plain record."""
    entry, pin = state.entry, state.pin
    return {
        **asdict(entry),
        "state": state.state,
        "path": str(state.path),
        "reason": state.reason,
        "bytes_here": state.size,
        "pinned": None if pin is None else {"sha256": pin.sha256, "origin": pin.origin, "time": pin.time, "address": pin.address},
        "fetch": entry.command,
    }


def _entry(name: str) -> WeightsEntry:
    entries = load_manifest()
    if name not in entries:
        raise UnknownNameError("weights", name, entries, remedy="`colorbench weights` lists them")
    return entries[name]


def _present(entry: WeightsEntry, root: Path) -> Path:
    """Where the entry lies: in the cache, else where torch hub keeps it; the cache's place where it is in neither."""
    path = root / entry.place
    if entry.torch_hub and not path.exists():
        for folder in weight_folders()[1:]:
            if (other := folder / path.name).exists():
                return other
    return path


def _contradiction(entry: WeightsEntry, pin: Pin) -> str:
    if pin.sha256.startswith(entry.sha256):
        return ""
    return f"what was fetched on {pin.time[:10]} is not what the manifest says now: SHA-256 {pin.sha256[:12]}..."


def _unpinned(entry: WeightsEntry, path: Path, root: Path) -> WeightsState:
    """Files that were put there by hand."""
    note = f"not verified: nobody pinned it; `{add_command(entry)}` does"
    if path.is_dir():
        lacking = [member for member in entry.members if not any(path.rglob(member.rpartition("/")[2]))]
        if entry.kind == "file" or lacking:
            wrong = f"lacks {', '.join(lacking)}" if lacking else "a folder, not a file"
            return WeightsState(entry=entry, state="damaged", path=path, reason=wrong)
        return WeightsState(entry=entry, state="here", path=path, reason=note, size=_folder_size(path))
    if entry.kind != "file":
        return WeightsState(entry=entry, state="damaged", path=path, reason="a file, not the archive's folder")
    verdict = verify(path, entry, None)
    size = path.stat().st_size
    if verdict.flaw:
        return WeightsState(entry=entry, state="damaged", path=path, reason=verdict.flaw, size=size)
    if not entry.is_published:
        return WeightsState(entry=entry, state="here", path=path, reason=note, size=size)
    files = (describe_file(path, shown=_shown(root, path), sha256=verdict.sha256),)
    pin = Pin(name=entry.name, sha256=verdict.sha256, size=size, origin="found", files=files)
    # A cache that can't be written is read again each time.
    with suppress(StoreError):
        write_pin(root, pin)
    return WeightsState(entry=entry, state="here", path=path, size=size, pin=pin)


def _pinned(entry: WeightsEntry, path: Path, root: Path, pin: Pin) -> WeightsState:
    """Compares files with their pin."""
    files: list[PinnedFile] = []
    for known in pin.files if entry.kind != "file" else pin.files[:1]:
        # A single file may have moved between the cache and torch hub.
        place = path if entry.kind == "file" else resolve(root, known)
        wrong = ""
        if not place.is_file():
            wrong = f"lacks {known.path}"
        elif place.stat().st_size != known.size:
            wrong = f"{place.name} has {place.stat().st_size:,} bytes instead of {known.size:,}"
        elif place.stat().st_mtime_ns != known.mtime_ns and file_digests(place, {"sha256"})["sha256"] != known.sha256:
            wrong = f"{place.name} is not the file that was verified: its SHA-256 differs from {pin_path(root, entry.name)}"
        if wrong:
            return WeightsState(entry=entry, state="damaged", path=path, reason=wrong, pin=pin)
        files.append(describe_file(place, shown=_shown(root, place), sha256=known.sha256))
    if tuple(files) != pin.files:
        pin = replace(pin, files=tuple(files))
        with suppress(StoreError):
            write_pin(root, pin)
    return WeightsState(entry=entry, state="here", path=path, size=sum(file.size for file in files), pin=pin)


def _shown(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _folder_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _sentence(state: WeightsState) -> str:
    what = f"the weights {state.entry.name} are"
    if state.state == "missing":
        return f"{what} not on this machine"
    return f"{what} damaged: {state.reason} ({state.path})"
