"""What a reasoning model thinks before it answers, in the forms in which services let it through; never the answer."""

import re

# Behind the last of these stands the answer. Of the first kind, either end may be missing: a chat template may have
# begun the thought, and a token limit may have cut it off.
_OPEN = (
    r"<\s*(?:\w+:)?(?:think|thinking|thoughts?)\s*>|\[THINK\]|◁think▷|<\|(?:begin_of_thought|START_THINKING)\|>"
    r"|<unused94>"
)
_CLOSE = (
    r"<\s*/\s*(?:\w+:)?(?:think|thinking|thoughts?)\s*>|\[/THINK\]|◁/think▷|<\|(?:end_of_thought|END_THINKING)\|>"
    r"|<unused95>"
)
_TAG = re.compile(rf"(?P<open>{_OPEN})|(?P<close>{_CLOSE})", re.IGNORECASE)
# Some models think within such tags, others give in them the reasons that they were asked for. It is a thought if the
# text begins with it, and if something else comes behind it, or it does not end.
_LEADING = re.compile(r"\s*<(reasoning|analysis|reflection|scratchpad|inner_monologue|rationale)>", re.IGNORECASE)
# OpenAI's open models: channels, of which the last one called final is the answer.
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*(?:<\|[^|<>]*\|>[^<]*)?<\|message\|>")
_BEFORE = re.compile(r"\s*<\|(?:begin_of_solution|START_RESPONSE)\|>")
_AFTER = re.compile(r"<\|(?:end_of_solution|END_RESPONSE|return|end|call)\|>")


def without_thoughts(text: str) -> str:
    """Return the answer in what a model wrote, without the thoughts before it; "" if a thought does not end.

    A text without a thought is returned as it is.
    """
    whole = text
    if channels := list(_CHANNEL.finditer(text)):
        last = channels[-1]
        if last[1].lower() != "final":
            return ""
        text = text[last.end() :]
    if tags := list(_TAG.finditer(text)):
        text = text[tags[-1].end() :] if tags[-1]["close"] else ""
    text = _AFTER.split(_BEFORE.sub("", text, count=1), maxsplit=1)[0]
    if leading := _LEADING.match(text):
        start = text.lower().rfind(f"</{leading[1].lower()}>")
        behind = text[start + len(leading[1]) + 3 :].strip() if start >= 0 else ""
        if start < 0 or behind:
            text = behind
    return whole if text == whole else text.strip()
