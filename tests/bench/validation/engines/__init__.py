"""Each module here checks a dataset in one way: `check(folder)` gives the lines that it names, by file and number.

A rival gets the checks that somebody who knows the tool would write with what the tool offers: ids and texts that are
missing, empty or no text, ids and texts that stand twice, labels that name nothing, bad scores, pairs that stand twice.
Where a reader refuses a file as a whole, it gets another try in the tool's most tolerant way, with further checks, as
long as these are the tool's own. A function of one's own for each row is no longer that tool but the loop over
lines, which has its own entries.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to check a dataset.

    Attributes:
        name: How it is asked for.
        title: How it is shown.
        module: Its name here.
        needs: The packages that it is about, as they are installed; their versions are shown.
        checks: Whether it checks anything; what does not is a floor to compare with.
    """

    name: str
    title: str
    module: str
    needs: tuple[str, ...] = ()
    checks: bool = True


OURS = "ours"
SEVERAL = "ours-several"
STORAGE = "ours-storage"

ENGINES = {
    engine.name: engine
    for engine in (
        Engine(OURS, "Dropforge, one core", "ours"),
        Engine(SEVERAL, "Dropforge, several cores", "ours_on_cores"),
        Engine(STORAGE, "Dropforge, from Cloud Storage", "ours_in_bucket"),
        Engine("polars", "polars, streaming scan", "polars_frames", ("polars",)),
        Engine("pyarrow", "pyarrow", "arrow_tables", ("pyarrow",)),
        Engine("duckdb", "duckdb", "duckdb_queries", ("duckdb",)),
        Engine("orjson", "orjson, line by line", "orjson_lines", ("orjson",)),
        Engine("guarded", "orjson, line by line, every guard", "guarded_lines", ("orjson",)),
        Engine("msgspec", "msgspec Struct, line by line", "msgspec_lines", ("msgspec",)),
        Engine("pydantic", "pydantic, line by line", "pydantic_lines", ("pydantic",)),
        Engine("json", "Python's json, line by line", "json_lines"),
        Engine("datasets", "datasets of Hugging Face", "hf_datasets", ("datasets", "pyarrow")),
        Engine("pandas", "pandas", "pandas_frames", ("pandas",)),
        Engine("beir", "BEIR's loader", "beir_loader", ("beir",)),
        Engine("reading", "floor: reading lines", "reading", checks=False),
        Engine("crc32c", "floor: crc32c", "checksum", ("google-crc32c",), checks=False),
    )
}
