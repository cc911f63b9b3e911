"""Mutants: for a check in the source, the text that makes it none, or another."""

from support.planted import Replacement


class Mutant(Replacement):
    """A bug in one place."""

    @property
    def name(self) -> str:
        """What is replaced, for people."""
        return f"{self.module.rpartition('.')[2]}: {self.old.strip()} -> {self.new.strip()}"


def _of(module: str, *pairs: tuple[str, str]) -> tuple[Mutant, ...]:
    return tuple(Mutant(module, old, new) for old, new in pairs)


MUTANTS = (
    *_of(
        "domain.validator.records",
        # Each condition of the proof that a block is in order, left out.
        ("not _is_an_object_a_line(lines)", "False"),
        ('b"\\r" in lines.data or ', ""),
        ("len(records) != len(lines.ends) or ", ""),
        ("return all(ids) and ", "return "),
        ("max(map(len, ids)) <= LONGEST_ID and ", ""),
        ('"".join(ids).isprintable() and ', ""),
        (" and all(map(str.strip, texts))", ""),
        ("_may_escape_controls(lines) and any(", "False and any("),
        ("(*texts, *titles)", "texts"),
        ("letters == _B", "letters == _U"),
        ("third <= _ZERO + 1", "third <= _ZERO"),
        ("names != 2 * len(records) + len(titles) and ", "False and "),
        ("if names != most_names:", "if False:"),
        ("(second == _BACKSLASH) & (third != _BACKSLASH)", "second == _BACKSLASH"),
        ("np.count_nonzero(close | apart)", "np.count_nonzero(close)"),
        ("sum(names_in(record) for record in records)", "sum(map(len, records))"),
        # What is told of it besides.
        ("new -= record.keys()", "pass"),
        ("]{3}", "]{9}"),
    ),
    *_of(
        "domain.validator.record",
        ("if _HALF.search(line):", "if False:"),
        ("            names_in(record)\n            return record", "            return record"),
        ("depth > DEEPEST", "depth >= DEEPEST"),
        ("if len(record) < len(pairs):", "if False:"),
        ("not isinstance(identity, str) or not identity", "not isinstance(identity, str)"),
        ("ord(char) < 32 or ", ""),
        (" or ord(char) == 127", ""),
        ("not isinstance(text, str) or not text.strip()", "not isinstance(text, str) or not text"),
        ('(("text", text), ("title", title))', '(("text", text),)'),
        ('if "\\0" in value', "if False"),
        (r"\x00-\x08\x0b\x0c\x0e-\x1f", r"\x00-\x08\x0c\x0e-\x1f"),
        ("parse_constant=_refuse, ", ""),
    ),
    *_of(
        "domain.validator.labels",
        # Each condition of the proof that a block is in order, left out.
        ("not data.startswith(header) or ", ""),
        ("not all(queries) or ", ""),
        (" or not all(map(_SCORE.fullmatch, distinct))", ""),
        (" or b'\"' in body", ""),
        (" or np.count_nonzero(there < _FIRST_PRINTABLE) != len(ends) + len(tabs)", ""),
        ("(table[:, -1] < ends).all() and ", ""),
        (" and (table[1:, 0] > ends[:-1]).all()", ""),
        # Line by line.
        (r'"[0-9]{1,9}"', r'"\\d{1,9}"'),
        ("len(cells) not in {2, 3}", "len(cells) not in {2, 3, 4}"),
        ("        if not cell:", "        if cell is None:"),
        ("len(cell) > 1 and cell[0] == cell[-1] == '\"'", "len(cell) > 1 and cell[0] == '\"'"),
        ("line == HEADER or ", "line.split() == HEADER.split() or "),
        ("return is_label", "return False"),
        ("return query, document, 1", "return None"),
    ),
    *_of(
        "domain.validator.lines",
        ("not block.offset and ", ""),
        ("data = data.removeprefix(BOM)", "pass"),
        ("elif not line.strip():", "elif not line:"),
        (r"[\x00-\x08\x0b-\x1f]", r"[\x00-\x08\x0b\x0c\x0e-\x1f]"),
        ("len(line[: error.start].decode()) + 1", "error.start + 1"),
        ('data.count(b"\\n", 0, found) + 1', "1"),
    ),
    *_of(
        "domain.validator.blocks",
        (" and len(self.data) <= LONGEST_LINE", ""),
        ("            data += stream.readline(LONGEST_LINE)\n", "            pass\n"),
    ),
    *_of(
        "domain.validator.likeness",
        (".translate(_LOWER, _PASSED_OVER)", ".translate(None, _PASSED_OVER)"),
        (".casefold()", ".lower()"),
        ('"NFKC" if _OUT_OF_FORM.search(text) else "NFC"', '"NFC"'),
        ('_OF_PUNCTUATION.sub("", text)', "text"),
        ("normalize(form, text)", "text"),
        ("if len(otherwise := _written_otherwise(lines, at)):", "if False:"),
        ("len(within) + 1), -1", "len(within) + 1), 0"),
        ("different, axis=1) <= _MOST_DIFFERENT", "different, axis=1) < 0"),
        ("(words[places] | _FOLD_CASE)", "words[places]"),
    ),
    *_of(
        "domain.validator.keys",
        (" & (self._keys[found] != keys)", " & (found < 0)"),
        ("if (ordered[1:] == ordered[:-1]).any():", "if False:"),
        ("self._slots[slots] != numbers", "self._slots[slots] == 0"),
    ),
    *_of(
        "domain.validator.dataset",
        ('1 if what == "query" else line.find("\\t") + 2', 'line.find("\\t") + 2'),
        ("before += part.lines", "before += part.rows"),
        ("shelf.lines[mine] = before + part.at[new]", "shelf.lines[mine] = part.at[new]"),
        ("= before + part.at[new], part.scores[new]", "= part.at[new], part.scores[new]"),
        ("if part.crlf and not crlf:", "if part.crlf:"),
        ("if not before:", "if False:"),
        ("again & ~conflict", "again"),
        ("again & conflict", "again & ~conflict"),
        ("known & new & (part.scores > 0)", "known & (part.scores > 0)"),
        ("relevant = known & new & (part.scores > 0)", "relevant = known & new"),
        ("known = (queries > 0) & (documents > 0)", "known = queries > 0"),
        ("foreign >= rows * _TOLD_FOREIGN", "foreign > rows * _TOLD_FOREIGN"),
    ),
    *_of(
        "domain.validator.judge",
        ("dataset.labels > dataset.limits.most_labels", "dataset.labels >= dataset.limits.most_labels"),
        ("answered < limits.fewest_labelled_queries_in_a_file", "answered <= limits.fewest_labelled_queries_in_a_file"),
        ("answered < limits.fewest_labelled_queries_in_all", "answered < 1"),
        ("(pile.asked_at > 0) & ~pile.answered", "pile.asked_at > 0"),
        ("most * 2 > labels", "most * 3 > labels"),
        ('_tell_skew(dataset, "query", training.by_query)', "pass"),
        ("if training and CORPUS in dataset.shelves:", "if training:"),
        ("if dataset.piles and dataset.labels <= limits.most_labels:", "if dataset.piles:"),
        ("training.answered & validation.answered", "validation.answered"),
        ("both = test.answered & training.answered", "both = training.answered"),
        ("test, training) & ~both", "test, training)"),
        ("0 < answered < FEWEST_TELLING_QUERIES", "0 < answered <= FEWEST_TELLING_QUERIES"),
        ("if not dataset.findings.rejected:", "if True:"),
    ),
    *_of(
        "domain.tuning",
        ("value in allowed,", "True,"),
        ("0 < value <= 100", "0 <= value <= 100"),
        ("        if key in seen:", "        if seen.get(key, entry.line) != entry.line:"),
        ("elif not rule.holds(value):", "elif False:"),
        ('elif key == "deploy" and value not in bounds.allowed_deploy:', "elif False:"),
        ("if not isinstance(root, yaml.MappingNode):", "if isinstance(root, yaml.ScalarNode):"),
        ("if model.id in bounds.allowed_retired:", "if True:"),
        ("if tuning.task_type not in model.tasks:", "if False:"),
        ("tuning.learning_rate_multiplier != 1", "False"),
        ("            value.start_mark.column + 1,", "            key.start_mark.column + 1,"),
        ("model.retires <= today", "model.retires < today"),
        ("model.closes <= today", "model.closes < today"),
        ("model.retires - today <= SOON", "model.retires - today < SOON"),
        ("tuning.output_dimensionality > model.dimensions", "False"),
    ),
    *_of(
        "examine",
        ("if file.size > _LARGEST_SIDE_FILE:", "if False:"),
        ("        if file.encoding:\n            raise", "        if False:\n            raise"),
        ("        if size > most or any(file.encoding for file in data.values()):", "        if size > most:"),
        ('split_test_labels=tuning.test_labels == "split"', "split_test_labels=True"),
        ("        self.compare_with_manifest(folder, findings)\n", ""),
    ),
    *_of(
        "domain.findings",
        ("line=finding.line + lines_before", "line=finding.line"),
        ("key=_place)", "key=lambda finding: finding.code)"),
        ("RULES[code].severity is Severity.ERROR for code in self._counts", "True for code in self._counts"),
        ("max(column - 1 - _BEFORE, 0) if column else 0", "0"),
        ("len(head) + 1 if column else 0", "column"),
    ),
    *_of(
        "domain.datasets",
        ("here.get(pin.name) != (pin.size, pin.crc32c)", "here.get(pin.name, (0, 0))[0] != pin.size"),
        ("name not in self.by_name and name not in optional", "name not in self.by_name"),
    ),
)
