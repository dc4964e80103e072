"""Everything that is made of a run folder, format by format.

md       table.md, table1.md
latex    table.tex, table1.tex
csv      table.csv, clips.csv, frames.csv
html     table.html
figures  figures/NAME.pdf, .svg, .png and .csv
page     page/index.html
strips   strips/CLIP/strip and worst, .png and .pdf
video    videos/CLIP.mp4
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from colorbench.errors import ColorbenchError, DatasetError, FramesError, UnknownNameError
from colorbench.files.atomic import replacing_file
from colorbench.results.reading import Results
from colorbench.results.summary import summarize
from reports.pictures.clip_frames import saved_labels, why_unsaved

FORMATS = ("md", "latex", "csv", "html", "figures", "page", "strips", "video")
BY_DEFAULT = FORMATS[:-1]
"""Videos take long."""

_TABLES = {"md": "md", "latex": "tex", "csv": "csv", "html": "html"}
_UNSAVED = "no frames are saved: give the run's command again with --save-frames png"


@dataclass(frozen=True, slots=True)
class Report:
    """What was made."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]
    """What could not be made, or not of all methods, and why."""
    lacking: frozenset[str]
    """The formats of which something could not be made."""


def parse_formats(text: str | None) -> tuple[str, ...]:
    """``A,B`` to formats; all of them for "all", all but videos for None.

    Raises:
        UnknownNameError: naming the formats there are.
    """
    if text is None:
        return BY_DEFAULT
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in (*FORMATS, "all"):
            raise UnknownNameError("format", name, (*FORMATS, "all"))
    return tuple(form for form in FORMATS if form in names or "all" in names)


def write_report(
    results: Results,
    folder: Path,
    formats: Sequence[str] = BY_DEFAULT,
    *,
    clips: Sequence[str] = (),
    exemplars: bool = False,
    written: Callable[[Path], None] = lambda _: None,
) -> Report:
    """Writes a run's reports. What lacks frames is left out and noted; the rest is made all the same.

    Args:
        results: of a run.
        folder: where to; made as needed.
        formats: of FORMATS.
        clips: of which there are strips and videos; empty for all.
        exemplars: videos show them too.
        written: is told each file once it is there.

    Raises:
        UnknownNameError: a clip that the run has not.
        StoreError: the disk is full, or the folder can't be written.
    """
    for clip in clips:
        if clip not in results.clip_names:
            raise UnknownNameError(f"clip of {results.folder}:", clip, results.clip_names)
    work = _Work(results, folder, tuple(clips) or results.clip_names, exemplars)
    files: list[Path] = []
    for form in formats:
        for path in work.of(form):
            files.append(path)
            written(path)
    return Report(tuple(files), work.notes(), frozenset(form for form, _ in work.problems))


class _Work:
    """Makes formats one after another and keeps what could not be made."""

    def __init__(self, results: Results, folder: Path, clips: tuple[str, ...], exemplars: bool) -> None:
        self.results, self.folder, self.clips, self.exemplars = results, folder, clips, exemplars
        self.problems: dict[tuple[str, str], list[str]] = {}
        """(format, what is wrong) to the clips."""
        self.partial: dict[tuple[str, str], list[str]] = {}
        """(method, why its frames can't be shown) to the clips."""

    def of(self, form: str) -> Iterator[Path]:
        """Makes one format, file by file."""
        if form in _TABLES:
            yield from self._tables(form)
        elif form == "figures":
            from reports.figures import write_all_figures

            yield from write_all_figures(self.results, self.folder / "figures")
        elif form == "page":
            from reports.page import write_page

            yield from self._tried(form, "", lambda: (write_page(self.results, self.folder),))
        else:
            for clip in self.clips:
                yield from self._tried(form, clip, self._maker(form, clip))

    def notes(self) -> tuple[str, ...]:
        """Each reason once, with the clips that it holds for."""
        problems = (f"{form}{self._of(clips)}: {wrong}" for (form, wrong), clips in self.problems.items())
        partial = (
            f"{label} is not shown{self._of(list(dict.fromkeys(clips)))}: {why}" for (label, why), clips in self.partial.items()
        )
        return (*problems, *partial)

    def _tables(self, form: str) -> Iterator[Path]:
        from reports.documents import score_texts
        from reports.tables.run_table import table_texts

        texts = table_texts(summarize(self.results), _TABLES[form])
        for name, text in (texts | (score_texts(self.results) if form == "csv" else {})).items():
            path = self.folder / name
            with replacing_file(path) as temporary:
                temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
            yield path

    def _maker(self, form: str, clip: str) -> Callable[[], Sequence[Path]]:
        from reports.pictures.strips import write_strips
        from reports.pictures.video import write_video

        if form == "strips":
            return lambda: write_strips(self.results, clip, self.folder / "strips")
        return lambda: (write_video(self.results, clip, self.folder / "videos", exemplars=self.exemplars),)

    def _tried(self, form: str, clip: str, make: Callable[[], Sequence[Path]]) -> Sequence[Path]:
        """The files, or none and a problem."""
        saved = saved_labels(self.results, clip) if clip else ()
        if clip and not saved:
            self.problems.setdefault((form, _UNSAVED), []).append(clip)
            return ()
        try:
            files = make()
        except (FramesError, DatasetError) as error:
            self.problems.setdefault((form, _reason(error)), []).append(clip)
            return ()
        for method in self.results.methods:
            if clip and method.label not in saved:
                why = why_unsaved(self.results, method.label, clip)
                self.partial.setdefault((method.label, why), []).append(clip)
        return files

    def _of(self, clips: Sequence[str]) -> str:
        return f" of {', '.join(clips)}" if 0 < len([c for c in clips if c]) < len(self.results.clips) else ""


def _reason(error: ColorbenchError) -> str:
    return f"{error.wrong}; {error.remedy}" if error.remedy else error.wrong
