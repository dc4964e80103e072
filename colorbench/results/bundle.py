"""A run in one file: what it is, its scores, where they come from, and the tables that follow, which anyone can make again.

    manifest.json    SHA-256 of each file below, and the versions that made the tables
    run.json         as in the run folder
    units/           the current units of the run, failed ones too
    provenance/      of these units
    tables/          what the reports make of the scores alone

The archive is a zip of plain entries in a fixed order with one fixed time: the same run gives the same bytes with the same
versions. Hashes find what was damaged; that the tables follow from the scores finds who changed one of them and its hash. Against
who changes all of them only the bundle's own SHA-256 helps, so publish that. docs/design/bundles.md.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from colorbench.errors import ColorbenchError, StoreError, UsageError, WeightsError
from colorbench.files.archives import unpack
from colorbench.files.atomic import replacing_file
from colorbench.files.regular import read_regular
from colorbench.files.structured import read_json
from colorbench.records import record_from, shortened
from colorbench.results.reading import Results, read_results
from colorbench.runs.store import KEY_DIGITS, declared_digest, read_declaration, to_json

FORMAT = 2
"""Of a bundle. Records of format 1 had no checksums."""
MANIFEST = "manifest.json"
TABLES = "tables/"
MOST_BYTES = 1 << 28
"""Of a bundle: two million frame scores with their tables."""
MOST_FILES = 20_000

Tables = Callable[[Results], Mapping[str, str]]
"""What reports make of a run: file name to text. The same run gives the same text, wherever its folder lies."""

_VERSIONS = ("colorbench", "numpy", "pandas", "scipy")
_TIME = (1980, 1, 1, 0, 0, 0)
_ABSENT = "no such file"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that does not fit."""

    file: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What a bundle holds, or what was looked at."""

    path: Path
    sha256: str
    """Of the archive."""
    files: int
    complete: bool
    """False where a unit of the run failed or is missing."""
    mismatches: tuple[Mismatch, ...] = ()
    other_versions: tuple[str, ...] = ()
    """What made the tables and is another version here, as "numpy 2.1.0 (here 2.2.0)"."""


def write_bundle(folder: Path, path: Path, *, tables: Tables) -> Bundle:
    """Packs a run.

    Args:
        folder: of the run.
        path: the archive; replaced where there is one.
        tables: makes what goes under tables/.

    Raises:
        StoreError: no run there, a name that is no Unicode text, or a file that can't be written.
    """
    results = read_results(folder)
    content = {name: (folder / name).read_bytes() for name in sorted(_run_files(folder, results))}
    content |= {TABLES + name: text.encode() for name, text in sorted(tables(results).items())}
    manifest = {"format": FORMAT, "made_with": _versions(), "files": {name: _sha256(data) for name, data in content.items()}}
    with replacing_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {MANIFEST: (to_json(manifest, indent=1) + "\n").encode(), **content}.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, data)
    return Bundle(path=path, sha256=_sha256(path.read_bytes()), files=len(content), complete=results.complete)


def verify_bundle(path: Path, *, tables: Tables) -> Bundle:
    """Makes the tables again from the scores of a bundle and compares all of it. Needs no frames, GPU or torch.

    Args:
        path: the archive.
        tables: as given to :func:`write_bundle`.

    Raises:
        UsageError: there is no such file, or it was made by a newer colorbench.
        StoreError: it is no bundle, or an archive that would write outside its folder or is too large.
    """
    try:
        data = read_regular(path, most=MOST_BYTES)
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}", wanted="a bundle", remedy="check the path") from error
    with tempfile.TemporaryDirectory(prefix="colorbench-") as name:
        folder = Path(name)
        try:
            # Entries are stored as they are, so what unpacks to more than the archive is none of ours.
            unpack(path, folder, most_bytes=len(data), most_files=MOST_FILES)
        except WeightsError as error:
            raise StoreError(
                f"{path} is no bundle: {error.wrong}", wanted="what colorbench bundle wrote", remedy="get the file again"
            ) from error
        made_with, files = _read_manifest(folder, path)
        mismatches = list(_hash_mismatches(folder, files))
        complete, what = False, "a run that can be read"
        try:
            results = read_results(folder)
            complete, what = results.complete, "scores of which tables can be made"
            mismatches += _score_mismatches(results)
            mismatches += _origin_mismatches(folder, results)
            mismatches += _table_mismatches(folder, tables(results), files)
        except (ColorbenchError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            wrong = error.wrong.replace(f"{folder}/", "") if isinstance(error, ColorbenchError) else repr(error)
            mismatches.append(Mismatch("run.json and units/", what, wrong))
    here = _versions()
    return Bundle(
        path=path,
        sha256=_sha256(data),
        files=len(files),
        complete=complete,
        mismatches=tuple(mismatches),
        other_versions=tuple(f"{k} {v} (here {here.get(k, 'none')})" for k, v in made_with.items() if here.get(k) != v),
    )


@dataclass(frozen=True, slots=True)
class _Manifest:
    format: int
    made_with: Mapping[str, str]
    files: Mapping[str, str]


class _FormatError(UsageError):
    """A bundle of another version."""


def _run_files(folder: Path, results: Results) -> Iterator[str]:
    """The files that the results were read from. Keys are unique, so the units are found by them."""
    keys = {record.key for record in results.records}
    units = (path.relative_to(folder).as_posix() for path in folder.glob("units/*/*.json") if path.stem[-KEY_DIGITS:] in keys)
    provenance = (f"provenance/{name}.json" for name, facts in results.provenance.items() if facts)
    for name in ("run.json", *units, *provenance):
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise StoreError(
                f"the name of {name!r} is no Unicode text",
                wanted="a clip name that an archive can hold",
                remedy="rename the clip",
            ) from error
        yield name


def _read_manifest(folder: Path, path: Path) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Versions and hashes."""
    try:
        loaded = read_json(folder / MANIFEST)
        form = loaded.get("format")
        if type(form) is int and form != FORMAT:
            remedy = "use a newer colorbench" if form > FORMAT else "verify it with the colorbench that made it"
            raise _FormatError(f"{path} has format {shortened(form)}", wanted=f"format {FORMAT}", remedy=remedy)
        manifest = record_from(_Manifest, loaded, what=MANIFEST)
    except _FormatError:
        raise
    except (OSError, StoreError, UsageError) as error:
        raise StoreError(
            f"{path} is no bundle: its {MANIFEST} is missing or damaged",
            wanted="what colorbench bundle wrote",
            remedy="get the file again",
        ) from error
    return manifest.made_with, manifest.files


def _hash_mismatches(folder: Path, files: Mapping[str, str]) -> Iterator[Mismatch]:
    present = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    present.pop(MANIFEST, None)
    for name, wanted in sorted(files.items()):
        found = _sha256(present[name].read_bytes()) if name in present else _ABSENT
        if found != wanted:
            yield Mismatch(name, f"SHA-256 {wanted}", found if found == _ABSENT else f"SHA-256 {found}")
    for name in sorted(present.keys() - files.keys()):
        yield Mismatch(name, _ABSENT, "a file that the manifest does not name")


def _score_mismatches(results: Results) -> Iterator[Mismatch]:
    """Clips whose value is not the mean of their frames."""
    for record in results.records:
        for score in (*record.scores, *record.truth):
            where = f"{record.label} on {record.clip}: {score.metric}"
            if score.frames and len(score.frames) != len(record.scored):
                yield Mismatch(where, f"{len(record.scored)} frames", f"{len(score.frames)} frames")
            elif score.frames and score.value is not None:
                mean = math.fsum(score.frames) / len(score.frames)
                if mean != score.value:
                    yield Mismatch(where, f"{mean!r}, the mean of its frames", repr(score.value))


def _origin_mismatches(folder: Path, results: Results) -> Iterator[Mismatch]:
    """What run.json and provenance/ say otherwise than when the units were made."""
    run = read_declaration(folder / "run.json")
    for wrong in results.damaged:
        yield Mismatch("units/", "records as colorbench wrote them", wrong.replace(f"{folder}/", ""))
    devices = {method.label: (method.method, method.variant, method.device) for method in results.methods}
    for record in results.records:
        where = f"{record.label} on {record.clip}"
        if record.declared != declared_digest(run.identity, run.contents, label=record.label, clip=record.clip):
            yield Mismatch("run.json", f"protocol, data, seed and method as they were when {where} was made", "others")
        if (record.method, record.variant, record.device) != devices[record.label]:
            yield Mismatch(where, f"made by {devices[record.label]}, as run.json says", repr(record.method))
        name = f"provenance/{record.provenance}.json"
        facts = results.provenance[record.provenance]
        if not facts:
            yield Mismatch(name, f"where {where} comes from, with its own hash for a name", "nothing that fits")
        elif facts.get("seed") != results.seed:
            yield Mismatch(name, f"seed {results.seed}, as run.json says", repr(facts.get("seed")))


def _table_mismatches(folder: Path, made: Mapping[str, str], files: Mapping[str, str]) -> Iterator[Mismatch]:
    """Tables that do not follow from the scores."""
    listed = {name.removeprefix(TABLES) for name in files if name.startswith(TABLES)}
    for name in sorted(listed | made.keys()):
        if name not in made:
            yield Mismatch(TABLES + name, "no such table of these scores", "a table")
        elif name not in listed:
            yield Mismatch(TABLES + name, "a table of these scores", _ABSENT)
        elif (path := folder / TABLES / name).is_file() and (found := path.read_bytes()) != made[name].encode():
            yield _first_difference(TABLES + name, made[name], found.decode(errors="replace"))


def _first_difference(name: str, wanted: str, found: str) -> Mismatch:
    wanted_lines, found_lines = wanted.split("\n"), found.split("\n")
    pairs = zip(wanted_lines, found_lines, strict=False)
    number = next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(wanted_lines), len(found_lines)))
    wanted, found = ("".join(lines[number : number + 1]) for lines in (wanted_lines, found_lines))
    at = max(next((at for at, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b), 0) - 40, 0)
    return Mismatch(f"{name}, line {number + 1}", *(repr(line[at : at + 120]) for line in (wanted, found)))


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _VERSIONS}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
