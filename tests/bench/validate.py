"""Compare what checking a dataset costs, here and with other tools, and which faults each names by file and line.

Run it: `.venv/bin/python tests/bench/validate.py [--size small] [--write docs/performance.md]`; the
other tools are there once `make bench` was run. The full size takes some five minutes on two cores, and 2 GB of disk,
which it gives back.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.written import write
from validation import bucket, faults, hostile, machine, samples
from validation.contest import Standing, compete, peak_of_all, tell
from validation.engines import ENGINES, OURS, SEVERAL, STORAGE, Engine
from validation.report import Growth, Results, page
from validation.samples import RAISED_QUERIES, Shape

_PARTS = ("clean", "faulty", "raised", "hostile")
_FAULTY = Shape(documents=20_000, queries=2_000, labels=40_000)


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured, and where.

    Attributes:
        folder: For everything that is made.
        engines: Which are compared.
        shape: Of the large dataset.
        faulty_shape: Of the dataset with faults.
        hostile_share: How large hostile datasets are, 1 being all.
        results: What has been found out.
    """

    folder: Path
    engines: Sequence[Engine]
    shape: Shape
    faulty_shape: Shape
    hostile_share: float
    results: Results

    @property
    def sample(self) -> Path:
        """The folder of the large dataset."""
        return self.folder / f"clean-{self.shape.documents}"

    def clean(self) -> None:
        """Let all engines check the large dataset."""
        results = self.results
        with ExitStack() as stack:
            environment: Mapping[str, str] = {}
            if any(engine.name == STORAGE for engine in self.engines):
                server = stack.enter_context(tempfile.TemporaryDirectory(dir=self.folder))
                environment = stack.enter_context(bucket.holding(self.sample, Path(server)))
            results.clean = compete(self.engines, self.sample, results.repeats, environment)
        if any(one.engine.name == SEVERAL and one.trials for one in results.clean):
            results.peak_of_all = peak_of_all(ENGINES[SEVERAL], self.sample, {})

    def raised(self) -> None:
        """Let ours check a dataset with more queries than Vertex takes."""
        ours = [engine for engine in self.engines if engine.name in {OURS, SEVERAL}]
        with tempfile.TemporaryDirectory(dir=self.folder) as parent:
            folder = Path(parent) / "raised"
            samples.write_with_more_queries(folder, self.sample, self.shape.with_queries(RAISED_QUERIES))
            self.results.raised_size = samples.size_of(folder)
            with _limits(most_queries=RAISED_QUERIES) as environment:
                self.results.raised = compete(ours, folder, self.results.repeats, environment)

    def faulty(self) -> None:
        """Let all engines look for planted faults."""
        engines = [engine for engine in self.engines if engine.checks]
        with tempfile.TemporaryDirectory(dir=self.folder) as parent:
            folder = Path(parent) / "faulty"
            samples.write(folder, self.faulty_shape)
            self.results.faults = faults.plant(folder)
            with ExitStack() as stack:
                server = stack.enter_context(tempfile.TemporaryDirectory(dir=self.folder))
                environment = stack.enter_context(bucket.holding(folder, Path(server)))
                self.results.faulty = compete(engines, folder, 1, environment)

    def hostile(self) -> None:
        """Let ours check hostile datasets, each at two sizes."""
        for hostility in hostile.HOSTILITIES:
            titles, sizes, standings = list[str](), list[int](), list[Standing]()
            for many in hostile.sizes(hostility, self.hostile_share):
                with tempfile.TemporaryDirectory(dir=self.folder) as parent, _limits(**hostile.LIMITS) as environment:
                    folder = Path(parent)
                    hostility.write(folder, many)
                    titles.append(hostility.title.format(many))
                    sizes.append(samples.size_of(folder))
                    tell(titles[-1])
                    standings += compete([ENGINES[OURS]], folder, self.results.repeats, environment)
            self.results.growths.append(Growth(titles, sizes, standings))


def main() -> None:
    """Measure, and print or write what came of it."""
    arguments = _arguments()
    is_full = arguments.size == "full"
    with _working_in(arguments.keep) as folder:
        shape = samples.FULL if is_full else samples.SMALL
        bench = Bench(
            folder=folder,
            engines=[ENGINES[name] for name in arguments.engines],
            shape=shape,
            faulty_shape=_FAULTY if is_full else samples.SMALL,
            hostile_share=1 if is_full else 0.01,
            results=Results(_command(arguments), shape, arguments.repeats, machine.load()),
        )
        _measure(bench, arguments.parts)
    written = page(bench.results)
    if arguments.write:
        write(arguments.write, "checks", written.strip().splitlines())
    else:
        print(written)


def _measure(bench: Bench, parts: Sequence[str]) -> None:
    if not bench.sample.exists():
        tell(f"making {bench.shape.documents:,} documents")
        samples.write(bench.sample, bench.shape)
    bench.results.size = samples.size_of(bench.sample)
    for part in parts:
        tell(part)
        getattr(bench, part)()


def _arguments() -> argparse.Namespace:
    def names(of: Sequence[str]) -> Callable[[str], list[str]]:
        def chosen(text: str) -> list[str]:
            if unknown := set(text.split(",")).difference(of):
                raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose from {', '.join(of)}")
            return [name for name in of if name in text.split(",")]

        return chosen

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("full", "small"), default="full")
    parser.add_argument("--engines", type=names(list(ENGINES)), default=list(ENGINES), help=", ".join(ENGINES))
    parser.add_argument("--parts", type=names(_PARTS), default=list(_PARTS), help=", ".join(_PARTS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the large dataset here, or use the one that is"
    )
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="write the page into this document instead of printing it"
    )
    return parser.parse_args()


def _command(arguments: argparse.Namespace) -> str:
    """How to get the same again; where things are kept is nobody's business."""
    options = [] if arguments.size == "full" else ["--size", arguments.size]
    for name, every in (("engines", ENGINES), ("parts", _PARTS)):
        if len(chosen := getattr(arguments, name)) < len(every):
            options += [f"--{name}", ",".join(chosen)]
    options += ["--repeats", str(arguments.repeats)] if arguments.repeats != 3 else []
    options += ["--write", "docs/performance.md"] if arguments.write else []
    return " ".join(["python tests/bench/validate.py", *options])


@contextmanager
def _working_in(kept: Path | None) -> Iterator[Path]:
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def _limits(**limits: int) -> Iterator[Mapping[str, str]]:
    """The variables that lead to an operator's file with these limits."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("limits:\n" + "".join(f"  {name}: {value}\n" for name, value in limits.items()))
        file.flush()
        yield {"DROPFORGE_CONFIG": file.name}


if __name__ == "__main__":
    main()
