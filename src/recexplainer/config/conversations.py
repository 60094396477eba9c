"""The conversations that keep the LLM's general ability."""

from recexplainer.config.kinds import Count, MayLack, Section, Share
from recexplainer.config.source import Places


class GeneratedConversations(Section):
    """Made-up conversations, as the demo's."""

    conversations: Count = 800
    """how many"""
    item_share: Share = 0.8
    """share of turns about items"""
    turns: Share = 0.3
    """probability that a conversation goes on after a turn"""
    max_turns: Count = 4
    """most turns"""
    malformed: Share = 0.01
    """share of malformed conversations"""


class Drawn(Section):
    """How many conversations are drawn."""

    train: Count
    """conversations drawn for training"""
    test: Count
    """and for test"""
    max_first_turn_tokens: Count
    """longest first turn, in tokens of the base LLM"""


class Conversations(Drawn):
    """The conversations that keep the LLM's general ability (section 2.3)."""

    sources: MayLack[Places] = None
    """As for a dataset's files. A JSON array or JSON lines; the turns of an entry in `conversations`, `items` or
    `messages`, or a single one as `instruction`, `input` and `output`. A first turn of the system or assistant is
    cut."""
    generate: GeneratedConversations | None = None
    """made-up conversations in place of `sources`, as the demo's; null: none"""
    max_broken_share: Share
    """share of entries that may be unreadable"""
