"""A chat template as tokens: what it writes before and after the contents of messages.

The template is rendered around marks. What stands between two of them gets the tokens that it has within the whole
rendered conversation, whatever the tokenizer does at the beginning of a text, after a special token, or with a space
and a line end between a template's words and those of a message.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recexplainer.errors import InputError, one_line
from recexplainer.llm.limits import SECONDS, OutOfTime, limited
from recexplainer.llm.plain_text import AFTER_A_SPACE, WORD, PlainText

DATE = datetime(2024, 7, 26)
"""The day that templates are told it is. A date of the clock would give each day's jobs other prompts."""

# Stands before a template, in the place of the function that asks the clock; no function can be handed to a template.
_DATED = "{% macro strftime_now(form) %}{{ form"
_DATED += "".join(
    f" | replace({directive!r}, {DATE.strftime(directive)!r})"
    for letter in "aAbBcCdDeFgGhHIjklmMpPrRsStTuUVwWxXyYzZ"
    for directive in (f"%-{letter}", f"%{letter}")
)
_DATED += " }}{% endmacro %}{{ '' }}"
_MARK = re.compile("\ue000(\\d+)\ue001")  # private-use characters stand for the contents while a template is rendered
_LINE_ENDS = re.compile(r"\s*[\r\n]")
_PROBES = ("Red", "the wolf", "9", "(x)", "Red.")
"""Contents by which it is found out how a tokenizer reads the border between a template and a content."""


def render(tokenizer: Any, messages: list[dict[str, Any]], prompt_only: bool = False) -> str:
    """Return what a tokenizer's chat template makes of messages, the same on every day; models are not to think first.

    Args:
        tokenizer: with a chat template.
        messages: each a ``role`` and a ``content``.
        prompt_only: end with the header of an answer.

    Raises:
        BadTemplate: it takes no such messages, is no Jinja, or takes more time or memory than any template needs.
    """
    with guarded():
        template = tokenizer.get_chat_template()
        return tokenizer.apply_chat_template(
            messages,
            chat_template=_DATED + template if "strftime_now" in template else template,
            tokenize=False,
            add_generation_prompt=prompt_only,
            # The names by which templates ask: Qwen's and others', DeepSeek's and Granite's.
            enable_thinking=False,
            thinking=False,
        )


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Hold a template that is compiled or rendered inside to what any template needs, and tell its failures in words.

    Raises:
        BadTemplate: it fails, or takes too much time or memory.
    """
    try:
        with limited():
            yield
    except OutOfTime:
        raise BadTemplate(f"it does not come to an end in {SECONDS:.0f} seconds") from None
    except MemoryError:
        raise BadTemplate("it takes more memory than there is room for") from None
    except Exception as error:  # whatever a template's own words, or the engine on their behalf, may raise
        raise BadTemplate(one_line(error) or type(error).__name__) from None


class BadTemplate(InputError):
    """A chat template cannot be used; the message says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the chat template fails: {reason}. Set llm.chat_template to another.")
        self.reason = reason


@dataclass(frozen=True)
class Turn:
    """What a template writes around the content of a message.

    Attributes:
        before: tokens before it; and the same less the line ends that a text before them has taken.
        lead: what the content is read after; see :meth:`recexplainer.llm.plain_text.PlainText.after`.
        end: tokens that end an answer; and the same less the line ends that its text has taken.
        trail: line ends that go with the text at the content's end, because tokens may hold both.
    """

    before: tuple[list[int], list[int]]
    lead: str
    end: tuple[list[int], list[int]]
    trail: str


class ChatTemplate:
    """Cut a tokenizer's chat template into tokens.

    Args:
        plain: tokenizes texts of the data; its tokenizer has the template.
    """

    def __init__(self, plain: PlainText) -> None:
        self._plain = plain
        self._tokenizer = plain.tokenizer
        self._turns: dict[tuple[Any, ...], list[Turn]] = {}
        self._rendered: dict[tuple[Any, ...], list[str]] = {}
        self._known: dict[str, list[int]] = {}
        self._openings: dict[tuple[Any, ...], tuple[list[int], str]] = {}

    def turns(self, roles: tuple[Any, ...], prompt_only: bool) -> list[Turn]:
        """Return what is around each message of these roles; then what is left.

        An answer that the template ends with words, or with nothing, gets an end-of-sequence token.
        """
        key = (roles, prompt_only)
        if key not in self._turns:
            pieces, result = self._pieces(roles, prompt_only), []
            context, taken = "", ""  # what stands before, and the line ends of it that went with a text
            for role, (before, end), (following, _) in zip(
                (*roles, None), pieces, [*pieces[1:], ("", "")], strict=True
            ):
                ids, lead = self._opening(context, before)
                rest = self._opening(context + taken, before[len(taken) :])[0] if taken else ids
                ends: tuple[list[int], list[int]] = ([], [])
                taken = self._trail(end if role == "assistant" else following) if role else ""
                context = WORD
                if role == "assistant":
                    ends = (self._after(WORD, end), self._after(WORD + taken, end[len(taken) :]))
                    context += end
                    if not self._plain.marks(ends[0]):
                        ends = ([*ends[0], self._tokenizer.eos_token_id], [*ends[1], self._tokenizer.eos_token_id])
                        context += self._tokenizer.eos_token
                result.append(Turn((ids, rest), lead, ends, taken))
                taken = "" if role == "assistant" else taken
            self._turns[key] = result
        return self._turns[key]

    def plain_turn_ends(self) -> dict[str, str]:
        """Return, by role, the words that end its turn, where no special token is among them."""
        between = self._render(("user", "assistant", "user"), False)[1:3]
        ends = {
            role: text.strip()
            for role, text in zip(("user", "assistant"), between, strict=True)
            if not self._plain.marks(self._ids(text))
        }
        return {role: end for role, end in ends.items() if len(end) > 1}

    def _pieces(self, roles: tuple[Any, ...], prompt_only: bool) -> list[tuple[str, str]]:
        """Return, for each message, the template's text before it and the end of its turn; then what is left."""
        texts, result = [*self._render(roles, prompt_only)], []
        for index, role in enumerate(roles):
            before, after, end = texts[index], texts[index + 1], ""
            if role == "assistant":
                # Some templates write more before the last answer than before the others, or than in a prompt.
                header = self._header(roles[:index])
                before = before if before.rstrip() == header.rstrip() else header
                end = self._render(roles[: index + 1], False)[-1]
                if not after.startswith(end):
                    end = self._tokenizer.eos_token if after.startswith(self._tokenizer.eos_token) else ""
            texts[index + 1] = after[len(end) :]
            result.append((before, end))
        return [*result, (self._header(roles) if prompt_only else "", "")]

    def _header(self, roles: tuple[Any, ...]) -> str:
        """Return the text before an answer to messages of these roles, with the space that a prompt may lack."""
        header = self._render(roles, True)[-1]
        whole = self._render((*roles, "assistant"), False)[len(roles)]
        return whole if whole.rstrip() == header.rstrip() else header

    def _render(self, roles: tuple[Any, ...], prompt_only: bool) -> list[str]:
        """Render the template with marks for the contents and return the texts around them."""
        key = (roles, prompt_only)
        if key not in self._rendered:
            messages = [{"role": role, "content": f"\ue000{index}\ue001"} for index, role in enumerate(roles)]
            pieces = _MARK.split(render(self._tokenizer, messages, prompt_only))
            if pieces[1::2] != [str(index) for index in range(len(roles))]:
                raise BadTemplate("it leaves a message out, or writes one twice")
            self._rendered[key] = pieces[::2]
        return self._rendered[key]

    def _opening(self, context: str, text: str) -> tuple[list[int], str]:
        """Return the tokens of a text before a content, and what the content is read after.

        Of the ways to share the border's white space out, it is the first that gives some contents the tokens that
        they have within the whole.
        """
        key = (context, text)
        if key not in self._openings:
            run = self._run(context + text)
            ways = [(text.removesuffix(" "), AFTER_A_SPACE)] if text.endswith(" ") else []
            ways += [(text, lead) for lead in dict.fromkeys(["", run, "\n"])]
            fits = (way for way in ways if self._fits(context, text, *way))
            piece, lead = next(fits, ways[0])
            self._openings[key] = (self._after(context, piece), lead)
        return self._openings[key]

    def _fits(self, context: str, text: str, piece: str, lead: str) -> bool:
        begin, contents = self._after(context, piece), self._plain.after(lead, list(_PROBES))
        return all(
            begin + content == self._after(context, text + probe)
            for content, probe in zip(contents, _PROBES, strict=True)
        )

    def _run(self, text: str) -> str:
        """Return what follows the last special token of a text."""
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ends = [
            end
            for number, (_, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
            if number in self._plain.special
        ]
        return text[max(ends, default=0) :]

    def _trail(self, text: str) -> str:
        """Return the line ends with which a text begins, if a token may hold them and the end of a content."""
        matched = _LINE_ENDS.match(text)
        if not matched or all(self._ids(one + text)[: len(self._ids(one))] == self._ids(one) for one in _PROBES):
            return ""
        return matched[0]

    def _after(self, context: str, text: str) -> list[int]:
        """Return the tokens of a text after another. At the beginning, the beginning-of-sequence token stands apart:

        training adds its id to the tokens of a text, so that the text's first word is one at a beginning.
        """
        if not context:
            bos = self._tokenizer.bos_token
            if bos and text.startswith(bos):
                return [self._tokenizer.bos_token_id, *self._ids(text[len(bos) :])]
            return self._ids(text)
        known, whole = self._ids(context), self._ids(context + text)
        return whole[len(known) :] if whole[: len(known)] == known else self._ids(text)

    def _ids(self, text: str) -> list[int]:
        """Tokenize a text in which special tokens count."""
        if text not in self._known:
            self._known[text] = self._tokenizer(text, add_special_tokens=False)["input_ids"] if text else []
        return self._known[text]
