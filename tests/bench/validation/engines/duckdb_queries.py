"""DuckDB; where its reader of JSON refuses a file, line by line through its JSON functions, which know types too.

Its reader of CSV keeps the number of each line that it rejects, so that the numbers of the others can be told from it;
a CR it takes for a line's end. Its JSON has NaN, and takes a comma before a closing brace.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from validation.folder import CORPUS, HEADER, LABELS, QUERIES, Place, places

_TABLES = {CORPUS: "corpus", QUERIES: "queries"}
_STRICT = """
create or replace temp table {table} as
select row_number() over () as line, _id as id, hash(text) as text,
       coalesce(_id, '') = '' or trim(coalesce(text, '')) = '' as wrong
from read_json($path, format = 'newline_delimited', columns = {{_id: 'VARCHAR', title: 'VARCHAR', text: 'VARCHAR'}})
"""
_ROWS = """
create or replace temp table rows as
select row_number() over () as row, source
from read_csv($path, delim = chr(1), quote = '', escape = '', header = false, auto_detect = false,
              columns = {source: 'VARCHAR'}, strict_mode = false, store_rejects = true)
"""
_LINES = """
create or replace temp table sources as
with bad as (select distinct line from reject_errors),
good as (
    select row_number() over (order by line) as row, line
    from range(1, (select count(*) + 1 from rows) + (select count(*) from bad)) as all_of_them(line)
    where line not in (from bad)
)
select line, source from rows join good using (row)
"""
_TOLERANT = """
create or replace temp table {table} as
with parsed as (
    select line, source, json_valid(source) and coalesce(try(json_type(source)) = 'OBJECT', false) as valid,
           case when valid then source end as record
    from sources
), fields as (
    select *, try(json_extract_string(record, '$._id')) as id, try(json_extract_string(record, '$.text')) as text,
           try(json_type(record, '$._id')) = 'VARCHAR' and try(json_type(record, '$.text')) = 'VARCHAR'
           and coalesce(try(json_type(record, '$.title')), 'VARCHAR') = 'VARCHAR' as typed,
           try(len(json_keys(record)) = len(list_distinct(json_keys(record)))) as once
    from parsed
)
select line, id, hash(text) as text,
       not valid or not coalesce(typed, false) or not coalesce(once, false)
       or coalesce(id, '') = '' or regexp_matches(coalesce(text, ''), '^\\s*$')
       or contains(source, '\\u0000') or regexp_matches(source, '[\\x00-\\x08]') as wrong
from fields
"""
_WRONG_RECORDS = """
select line from {table} where wrong
union select line from (select line, row_number() over (partition by id order by line) as turn from {table}) where turn > 1
union select line from (select line, row_number() over (partition by text order by line) as turn from {table})
where turn > 1
"""
_LABELS_STRICT = """
create or replace temp table labels as
select row_number() over () + 1 as line, *, false as wrong
from read_csv($path, delim = '\t', quote = '', escape = '', header = true, auto_detect = false,
              columns = {'query-id': 'VARCHAR', 'corpus-id': 'VARCHAR', 'score': 'INTEGER'})
"""
_LABELS_TOLERANT = """
create or replace temp table labels as
with cells as (select line, source, string_split(source, chr(9)) as cells from sources where line > 1)
select line, cells[1] as "query-id", cells[2] as "corpus-id", try_cast(cells[3] as integer) as score,
       len(cells) is distinct from 3 or not regexp_full_match(cells[3], '[0-9]+') as wrong
from cells
"""
_WRONG_LABELS = """
select line from labels
where wrong or score is null or score < 0
   or coalesce("query-id" not in (select id from queries where id <> ''), true)
   or coalesce("corpus-id" not in (select id from corpus where id <> ''), true)
union select line
from (select line, row_number() over (partition by "query-id", "corpus-id" order by line) as turn from labels)
where turn > 1
"""


def check(folder: Path) -> set[Place]:
    """Check records, then labels against them."""
    connection = duckdb.connect()
    found = list[Place]()
    for name, table in _TABLES.items():
        found += _read(connection, folder / name, _STRICT.format(table=table), _TOLERANT.format(table=table))
        found += _selected(connection, folder / name, _WRONG_RECORDS.format(table=table))
    for name in LABELS:
        found += _read(connection, folder / name, _LABELS_STRICT, _LABELS_TOLERANT)
        found += _selected(connection, folder / name, _WRONG_LABELS)
    return set(found)


def _read(connection: duckdb.DuckDBPyConnection, path: Path, strict: str, tolerant: str) -> Iterator[Place]:
    try:
        connection.execute(strict, {"path": str(path)})
    except duckdb.Error:
        yield path.name, 0
        connection.execute("drop table if exists reject_errors; drop table if exists reject_scans")
        connection.execute(_ROWS, {"path": str(path)})
        connection.execute(_LINES)
        yield from _selected(connection, path, "select distinct line from reject_errors")
        header = "\t".join(HEADER)
        if path.name in LABELS:
            yield from _selected(connection, path, f"from sources where line = 1 and source <> '{header}'")
        connection.execute(tolerant)


def _selected(connection: duckdb.DuckDBPyConnection, path: Path, query: str) -> Iterator[Place]:
    return places(path, (row[0] for row in connection.execute(query).fetchall()))
