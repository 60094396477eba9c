"""What raw files hold: which are the interactions, which say what the items are, and which column is what.

Told by the names that columns of public datasets have, then by what the columns hold. The guess is checked by reading
the files' beginnings with the pipeline's own readers. What cannot be told is left to the user.
"""

import logging
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recexplainer.config.dataset import Fields, OneLayout
from recexplainer.data.column import MOMENTS, NEARLY, SAMPLE, Column, is_number, is_object
from recexplainer.data.loaders import TEXTS, alternatives, read_interactions, read_metadata
from recexplainer.data.names import named
from recexplainer.data.recognition import EVERY, RawFile, raw_files
from recexplainer.data.times import MILLISECONDS, parse_time, shown_time
from recexplainer.errors import InputError, shown
from recexplainer.typed import checked

CLEARER = 1.5  # times as many ids in common as with any other column
BROKEN = 0.01  # share of broken lines that the entry allows


@dataclass
class Inspection:
    """What was found.

    Attributes:
        reviews: the file of interactions.
        metadata: the file that says what the items are; None if there is none.
        others: files that are not taken, each with the reason.
        fields: of the config's entry; None for what cannot be told.
        why: of some fields, how they were told, or what they may be.
        findings: what reading the files showed, in sentences.
    """

    reviews: RawFile
    metadata: RawFile | None
    others: list[tuple[RawFile, str]]
    fields: dict[str, Any] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    @property
    def left(self) -> list[str]:
        """The fields that are left to the user."""
        return [name for name in ("user", "item", "time", "title") if not self.fields[name]]


def inspect(paths: list[str], folder: Path) -> Inspection:
    """Tell what raw files are and how the config describes them.

    Args:
        paths: files, archives, or ``ARCHIVE:MEMBER``.
        folder: an empty one, for the beginnings of the files.

    Raises:
        InputError: a file cannot be read, or none of them holds interactions.
    """
    logger = logging.getLogger("recexplainer.data")
    before = logger.level
    logger.setLevel(logging.ERROR)  # broken lines are counted and shown in what is returned
    try:
        return _inspect([file for path in paths for file in raw_files(path, folder)])
    finally:
        logger.setLevel(before)


def _inspect(files: list[RawFile]) -> Inspection:
    # Of two files of a kind the larger one is the dataset, whatever the order in which they are given.
    files.sort(key=lambda file: (-file.size, file.label))
    columns = {id(file): {name: Column(name, file.rows) for name in file.names} for file in files}
    kinds: dict[str, list[RawFile]] = defaultdict(list)
    for file in files:
        kinds[_kind(columns[id(file)])].append(file)
    if not kinds["interactions"]:
        described = f"; {kinds['items'][0].label} says what items are, not who took them" if kinds["items"] else ""
        nested = [note for file in files for note in _nested(file, columns[id(file)])]
        raise InputError(
            f"{', '.join(file.label for file in files[:5])}: no interactions: no file with a user, an item and a time "
            f"in each record{described}{'; ' + nested[0] if nested else ''}. Found: "
            f"{', '.join(map(shown, files[0].names[:12]))}."
        )
    reviews, *spare = kinds["interactions"]
    metadata = kinds["items"][0] if kinds["items"] else None
    smaller = f"of interactions, too, but smaller than {reviews.label}; a dataset has one such file"
    others = [(file, smaller) for file in spare]
    if metadata:
        smaller = f"describes items, too, but is smaller than {metadata.label}"
        others += [(file, smaller) for file in kinds["items"][1:]]
    others += [(file, "neither who took what nor the titles of items") for file in kinds[""]]
    result = Inspection(reviews, metadata, others)
    own = columns[id(reviews)]
    theirs = columns[id(metadata)] if metadata else {}
    _tell_interactions(result, own, theirs)
    _tell_texts(result, theirs or own)
    _rename(result)
    _check(result)
    return result


def _kind(columns: dict[str, Column]) -> str:
    """Return whether a file holds interactions, says what items are, or neither ("")."""
    there = {role: [columns[name] for name in named(role, list(columns))] for role in ("user", "item", "title")}
    users, items = ([column for column in there[role] if column.is_id] for role in ("user", "item"))
    if users and items:
        return "interactions"
    titles = there["title"] or [column for column in columns.values() if column.is_title]
    keys = items or [column for column in columns.values() if column.is_code and column.differs(1.0)]
    if titles and keys and not users:
        return "items"
    if any(column.differs(NEARLY) for column in users + items):  # each once: a table of users, or of items
        return ""
    codes = [column for column in columns.values() if column.is_code and not column.differs(NEARLY)]
    moments = [column for column in columns.values() if column.is_moment]
    return "interactions" if len({*codes, *users, *items}) >= 2 and moments else ""


def _nested(file: RawFile, columns: dict[str, Column]) -> list[str]:
    """Say which keys hold lists of objects: the interactions of a user, perhaps."""
    return [
        f"{file.label}: {name!r} holds a list of objects in each record, which no format reads: write one line for each"
        for name, column in columns.items()
        if column.values and all(isinstance(one, list) and any(map(is_object, one)) for one in column.values[:20])
    ]


def _best(role: str, columns: dict[str, Column]) -> list[str]:
    """Return the columns whose names stand for a role and that hold ids, the fullest first."""
    candidates = [columns[name] for name in named(role, list(columns)) if columns[name].is_id]
    most = max((column.filled for column in candidates), default=0.0)
    return [column.name for column in sorted(candidates, key=lambda column: column.filled < most - 0.01)]


def _tell_interactions(result: Inspection, own: dict[str, Column], theirs: dict[str, Column]) -> None:
    """Tell the user, the item and the time, and the item's name in the metadata."""
    fields, why = result.fields, result.why
    users = _best("user", own)
    fields["user"] = users[0] if users else None
    _tell_time(result, own)
    codes = [name for name, column in own.items() if column.is_code and name not in (fields["user"], fields["time"])]
    by_name = [name for name in _best("item", own) if name != fields["user"]]
    fields["item"], fields["meta_item"] = by_name[0] if by_name else None, None
    if theirs:
        keys = _best("item", theirs) or [
            name for name, column in theirs.items() if column.is_code and column.differs(1.0)
        ]
        _tell_item(result, own, theirs, by_name or codes, keys, bool(by_name))
    elif not by_name:
        why["item"] = _one_of("the item", codes)
    rest = [name for name in codes if name != fields["item"]]
    if not users and fields["item"] and len(rest) == 1:
        fields["user"] = rest[0]
        why["user"] = "the only other column that holds ids"
    elif not users:
        why["user"] = _one_of("the user", rest)


def _one_of(what: str, names: list[str]) -> str:
    choice = f"one of {', '.join(map(shown, names[:8]))}" if names else "no column looks like it"
    return f"which column is {what} cannot be told: {choice}"


def _tell_item(
    result: Inspection,
    own: dict[str, Column],
    theirs: dict[str, Column],
    candidates: list[str],
    keys: list[str],
    by_name: bool,
) -> None:
    """Tell the item in both files: by one name, or by the ids that they have in common."""
    fields, why = result.fields, result.why
    if not candidates or not keys:
        why["item"] = _one_of("the item", candidates)
        return
    if by_name and (same := [name for name in candidates if name in keys]):
        fields["item"] = fields["meta_item"] = same[0]
        return
    shares = {
        (name, key): len(own[name].ids & theirs[key].ids) / len(own[name].ids | theirs[key].ids)
        for name in candidates
        for key in keys
    }
    name, key = max(shares, key=lambda pair: shares[pair])  # of equal ones the first
    second = max((share for pair, share in shares.items() if pair[0] != name), default=0.0)
    common = f"{len(own[name].ids & theirs[key].ids)} of its {len(own[name].ids)} ids are"
    told = shares[name, key] > 0 and shares[name, key] >= CLEARER * second
    if not told and by_name:
        name, key, told = candidates[0], keys[0], True
        common = "told by its name, though none of its ids is"
    if told:
        fields["item"], fields["meta_item"] = name, key
        assert result.metadata is not None  # whose columns these are
        why["item"] = f"{common} in {shown(result.metadata.label)}"
    else:
        fields["meta_item"] = keys[0] if len(keys) == 1 else None
        why["item"] = _one_of("the item", candidates)


def _tell_time(result: Inspection, own: dict[str, Column]) -> None:
    fields, why = result.fields, result.why
    names = [name for name in named("time", list(own)) if name != fields["user"]]
    good = [name for name in names if own[name].is_time]
    by_content = [name for name, column in own.items() if column.is_moment and name != fields["user"]]
    fields["time"] = None
    if good:
        most = max(own[name].filled for name in good)
        first, *rest = sorted(good, key=lambda name: own[name].filled < most - 0.01)
        fields["time"] = first
        if rest:
            why["time"] = f"times, too: {', '.join(map(shown, rest))}"
    elif len(by_content) == 1:
        fields["time"] = by_content[0]
        why["time"] = "the only column that holds times"
    elif by_content:
        why["time"] = _one_of("the time", by_content)
    elif bad := [name for name in names if own[name].values]:
        unread = next(value for value in own[bad[0]].values if parse_time(value) is None)
        why["time"] = f"{shown(bad[0])} holds no times that are read, as {shown(str(unread))[:40]!r}; "
        mixed = re.fullmatch(r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}.*", str(unread))
        why["time"] += "day and month cannot be told apart: write year-month-day" if mixed else "see docs/own_data.md"
    else:
        why["time"] = "no column holds times; a number that grows in each history will do"


def _tell_texts(result: Inspection, columns: dict[str, Column]) -> None:
    """Tell the titles and what else describes the items."""
    fields, why = result.fields, result.why
    taken = {fields["meta_item"]} if result.metadata else {fields["user"], fields["item"], fields["time"]}
    free = {name: column for name, column in columns.items() if name not in taken}
    key = (fields["meta_item"] if result.metadata else fields["item"]) or ""
    rows = (result.metadata or result.reviews).rows
    titles = [name for name in named("title", list(free)) if free[name].has_texts]
    if not titles:
        titles = [name for name, column in free.items() if column.is_title] if result.metadata else []
        if len(titles) > 1:
            why["title"], titles = _one_of("the title", titles), []
        elif titles:
            why["title"] = "the only column of texts that differ"
    if not result.metadata and titles and not (same := _goes_by(titles[0], key, rows)):
        said = "of one item differs between records" if same is False else "cannot be judged, as no item repeats"
        why["title"] = f"{shown(titles[0])} {said}: name a file that says what the items are"
        titles = []
    elif not titles:
        why.setdefault("title", "no column holds titles; name a file that says what the items are")
    fields["title"] = titles
    for name in (*TEXTS, "related"):
        there = [one for one in named(name, list(free)) if result.metadata or (titles and _goes_by(one, key, rows))]
        fields[name] = [one for one in there if free[one].has_texts]
        if lost := [one for one in there if any(map(is_object, free[one].values)) and not free[one].has_texts]:
            why[name] = f"{', '.join(map(shown, lost))}: objects, of which no text is read"
    flags = [name for name, column in free.items() if column.ids and column.ids <= {"0", "1"}]
    if len(flags) > 2 and not fields["tags"]:
        why["tags"] = f"{len(flags)} columns hold 0 or 1, perhaps one for each genre; no key reads such"
    if (result.metadata or result.reviews).file_format in ("csv", "recbole"):
        _tell_separator(result, free)


def _tell_separator(result: Inspection, columns: dict[str, Column]) -> None:
    """Find what parts tags: a mark that stands in many texts, with parts that come again."""
    names = result.fields["tags"]
    if not names and result.metadata and result.metadata.unnamed:
        names = [name for name in columns if name not in result.fields["title"]]
    for name in names:
        texts = [value for value in columns[name].values[:SAMPLE] if isinstance(value, str)]
        if texts and all(text[0] + text[-1] == "[]" for text in texts if text):
            result.why["tags"] = f"{shown(name)} holds lists in brackets, which are read as one text each"
            continue
        for mark in "|;,":
            cut = [text.split(mark) for text in texts if re.search(rf"{re.escape(mark)}(?!\s)", text)]
            parts = [part for one in cut for part in one]
            if 10 * len(cut) >= len(texts) > 0 and 2 * len(set(parts)) <= len(parts):
                (result.metadata or result.reviews).layout["list_separator"] = mark
                if not result.fields["tags"]:
                    result.fields["tags"] = [name]
                    result.why["tags"] = f"texts with {mark!r} between parts that come again"
                return


def _goes_by(title: str, item: str, rows: list[dict[str, Any]]) -> bool | None:
    """Return whether the records of an item have one title; None if no item has two records."""
    titles: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        titles[str(row.get(item))].append(str(row.get(title)))
    several = [own for own in titles.values() if len(own) > 1]
    return sum(len(set(own)) == 1 for own in several) >= 0.9 * len(several) if several else None


def _rename(result: Inspection) -> None:
    """Name the columns that had no names by what they hold."""
    for file, roles in ((result.reviews, ("user", "item", "time")), (result.metadata, ("meta_item", "title", "tags"))):
        if file is None or not file.unnamed:
            continue
        new = {}
        for role in roles:
            old = result.fields[role]
            for name in old if isinstance(old, list) else filter(None, [old]):
                new[name] = "item" if role == "meta_item" else role
        file.rename(new)
        for role in roles:
            old = result.fields[role]
            result.fields[role] = [new[name] for name in old] if isinstance(old, list) else new.get(old)
        for role in {*result.why} & {*roles}:
            words = re.split(r"(column_\d+)", result.why[role])
            result.why[role] = "".join(new.get(word, word) for word in words)


def _check(result: Inspection) -> None:
    """Read the files' beginnings as the pipeline will, and say what comes out."""
    try:
        if not {"user", "item", "time"} & {*result.left}:
            ids = _check_interactions(result)
            if result.fields["title"]:
                _check_titles(result, ids)
    except InputError as error:
        result.findings.append(str(error))


def _asked(result: Inspection) -> Fields:
    fields = {name: value for name, value in result.fields.items() if value}
    return checked(Fields, {"title": ["-"]} | fields, "fields")


def _check_interactions(result: Inspection) -> set[str]:
    file, fields = result.reviews, _asked(result)
    read = read_interactions(file.path, file.file_format, fields, 1.0, OneLayout(**file.layout))
    counts, low, high = read.counts, int(read.time.min()), int(read.time.max())
    kind = "milliseconds since 1970" if high >= MILLISECONDS else "seconds since 1970"
    if not MOMENTS[0] <= high / (1000 if high >= MILLISECONDS else 1) <= MOMENTS[1]:
        kind = "numbers in an order of their own"
    elif isinstance(raw := file.rows[0].get(fields.time), str) and not is_number(raw):
        kind = f"dates as {shown(raw)!r}"
    result.findings.append(
        f"interactions: {len(read)} of {len(read.users)} users with {len(read.items)} items; {counts['lines']} "
        f"{file.broken.unit}s, {counts['broken_lines']} broken, {counts['without_time']} without a time, "
        f"{counts['odd_times']} with an odd one"
    )
    result.findings.append(f"times: {kind}, from {shown_time(low)} to {shown_time(high)}")
    try:
        read_interactions(file.path, file.file_format, fields, BROKEN, OneLayout(**file.layout))
    except InputError as error:
        result.findings.append(f"this will stop the run: {error}".replace(str(file.path), file.label))
    return set(read.items)


def _check_titles(result: Inspection, ids: set[str]) -> None:
    file, fields = result.metadata or result.reviews, _asked(result)
    names = ("title", *(name for name in TEXTS if alternatives(fields, name)))
    known, counts = read_metadata(file.path, file.file_format, fields, EVERY, names, 1.0, OneLayout(**file.layout))
    titled = {item: values["title"] for item, values in known.items() if values["title"]}
    some = "; ".join(shown(title)[:60] for title in list(titled.values())[:3])
    result.findings.append(
        f"titles: of {len(titled)} of {len(known)} items, as {some}; {counts['lines']} {file.broken.unit}s, "
        f"{counts['broken_lines']} broken, {counts['repeated']} of an item again"
    )
    both = len(ids & titled.keys())
    result.findings.append(f"items of the interactions with a title: {both} of {len(ids)}")
    if not both:
        whole = file.whole and result.reviews.whole
        result.findings[-1] += ". Do the files belong together?" if whole else ", in the beginnings that were read"
        if whole:
            result.fields["title"] = []
            result.why["title"] = "no item of the interactions has a title in the file: see item and meta_item"
    if counts["broken_lines"] > BROKEN * counts["lines"]:
        share = f"over {BROKEN:.0%} of the {file.broken.unit}s of {file.label} are broken"
        result.findings.append(f"this will stop the run: {share}")
