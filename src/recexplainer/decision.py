"""Whether a text recommends the item: a lenient reading of free prose (section 3.1.2).

A plain Yes or No at the start or after a label ("Answer: No") decides; "None" and "No idea" are neither.
Without one, a sentence decides that says whether the user would like the item, or whether it is recommended; last, one
that says whether the item fits. A conclusion at the end that says the opposite of the beginning makes the text
contradictory. Explanations and answers to the classification are read alike.
"""

import re

LONGEST = 10_000  # characters; of a longer text the middle is not read, for some patterns take the square of it

_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+|\n|$)")
_ABBREVIATION = re.compile(r"\b(vs|mr|mrs|dr|st|vol|e\.g|i\.e|etc)\.(?=\s+[a-z0-9])")

# Phrases that would be misread by the rules below.
_REWRITES = (
    (re.compile(r"[*_#`>]+"), " "),
    (re.compile(r"[‘’]"), "'"),
    (re.compile(r"\byes\s*(?:/|or)\s*no\b"), "answer"),
    (re.compile(r"\b(?:without (?:a )?doubt|no doubt|undoubtedly)\b"), "surely"),
    (re.compile(r"\bnot only\b"), "both"),
    (re.compile(r"\bcan(?:no|')t\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\b(?:perfect|exact|direct|complete)\s+(?=match|fit)"), "whole-"),
    (_ABBREVIATION, r"\1"),
)
# What may follow an answer, so that "No information is given" is none.
_AFTER = r"(?=\s*(?:[.,;:!?()\[\]\"'/\n—–-]|$|(?:the|he|she|they|it|this|i|we|because|since|as|based|given|user)\b))"
_LEAN = (
    r"(?:(?:most|very|quite|more)\s+)?"
    r"(?:likely|probably|definitely|certainly|absolutely|surely|clearly|possibly|perhaps|tentatively)?,?\s*"
)
_START = re.compile(rf"^\W*(?:well,\s*|a:\s*)?{_LEAN}(?:a\s+)?(yes|yeah|yep|no|nope){_AFTER}")
_LABEL = re.compile(
    r"\b(?:answer|decision|verdict|prediction|recommendation|recommended|recommend|conclusion|result|say|lean(?:ing)?"
    rf"(?: towards?)?)(?:\s+(?:is|would be))?[\s:=()\[\]\"'—–-]*(?:that\s+|a\s+|an\s+)?{_LEAN}"
    rf"(?:clear|firm|strong|definite)?\s*\b(yes|no)\b{_AFTER}"
)
# "Yes, but no" says both; "Yes, no other game fits" does not.
_BOTH = re.compile(rf"\byes\W+(?:(?:and|but)\W+)?no\b{_AFTER}|\bno\W+(?:(?:and|but)\W+)?yes\b{_AFTER}")
_PLAIN = re.compile(r"\W*(yes|no)\W*")
_CHECKBOX = re.compile(rf"^\W*(?:will|would|should|is|does|do)\b[^?]*\?\W*{_LEAN}(yes|no)\b{_AFTER}")
_BARE = re.compile(
    r"^\W*(?:(?:answer|decision|verdict|prediction|recommendation|conclusion|result)\W+)?"
    r"(?P<no>(?:definitely|certainly|absolutely|probably|surely|most likely)\s+not|not likely|unlikely|"
    r"(?:do\s+)?not\s+recommend(?:ed)?|does not recommend|(?:no|not)\s+(?:an?\s+)?(?:good\s+|great\s+)?(?:match|fit))"
    r"\W*$"
    r"|^\W*(?:(?:answer|decision|verdict|prediction|recommendation|conclusion|result)\W+)?"
    r"(?P<yes>(?:highly\s+|strongly\s+)?recommend(?:ed)?|(?:very |quite |highly )?likely)\W*$"
)

_SILENT = re.compile(
    r"\b(?:whether|if the user|may or may not|might or might not|yes and no|"
    r"(?:hard|difficult|impossible) to (?:say|tell|know|predict|determine)|"
    r"(?:can|could) not (?:be )?(?:say|said|tell|know|predict|determine)\w*|"
    r"not (?:entirely |quite )?(?:sure|certain|clear)|unclear|uncertain|unsure|unknown)\b"
)
_CLAUSE = re.compile(r"[,;:—()]|\s-\s|\b(?:but|however|although|though|while|because|since|whereas|despite|even if)\b")
_CONCLUSION = re.compile(
    r"^\W*(?:overall|in conclusion|in summary|to sum up|in short|therefore|thus|hence|so|consequently|as a result|"
    r"based on)\b|\b(?:therefore|thus|hence|so)\b(?=\s+(?:the|it|he|she|they|this|i|we)\b)"
)

_LIKING = (
    r"(?:like|enjoy|love|appreciate|prefer|want|buy|purchase|choose|pick|play|watch|accept|favou?r|"
    r"be\s+(?:\w+\s+)?(?:interested|keen|drawn|attracted|happy|pleased|satisfied|into)|"
    r"be\s+(?:a|an)\s+(?:\w+\s+){0,2}?(?:fit|match|choice|recommendation|pick)|be\s+(?:\w+\s+)?(?:appealing|suitable|"
    r"of interest|relevant|to (?:his|her|their) (?:taste|liking))|"
    r"(?:fit|suit|match|appeal|interest|please|satisfy|resonate|align|offer|suggest|find)\b)"
)
_DISLIKING = (
    r"(?:dislike|reject|avoid|skip|ignore|hate|refuse|be\s+(?:\w+\s+)?(?:disappointed|uninterested|bored)|"
    r"be\s+(?:a|an)\s+(?:\w+\s+)?(?:poor|bad|weak|unsuitable|wrong)\s+(?:\w+\s+)?(?:fit|match|choice|recommendation)|"
    r"be\s+(?:\w+\s+)?(?:unsuitable|irrelevant|unappealing))"
)
# A word before the liking that makes it a forecast, not a habit ("the user likes racing games").
_FORECAST = r"(?:will|would|'ll|'d|may|might|could|should|(?:going|likely|unlikely|expected|bound|inclined) to)"
_VERDICT = re.compile(
    rf"\b(?:{_FORECAST}\s+(?:[\w']+\s+){{0,4}}?(?:(?P<bad>{_DISLIKING})|{_LIKING}))\b"
    r"|\b(?:recommend(?:s|ed|ing)?|recommendable)\b"
    r"|\b(?:(?:(?:is|seems|looks|be)\s+(?:\w+\s+){0,2}?)(?:un)?likely)\b(?!\s+(?:to|that))"
)
_NEGATIONS = re.compile(
    r"\b(?:not|never|unlikely|doubt(?:ful|s)?|hardly|no reason|nor|neither|less likely|little chance|no chance|"
    r"improbable|against|refrain|low (?:chance|probability|likelihood)|small (?:chance|probability))\b"
)
_ELSEWHERE = re.compile(r"^\W*(?:\w+\s+){0,2}?(?:other|others|another|different|more|similar|instead|such)\b")

_FITTING = re.compile(
    r"\b(?:it|item|game|movie|film|title|product|this|which|and|so|[\w']{1,40})\s+"
    r"(?P<no>(?:does|do|did|would|will|is|are|may|might)\s+not\s+(?:\w+\s+){0,2}?|never\s+|hardly\s+|fails to\s+)?"
    r"(?:(?:is|are|be|seems|looks|makes?)\s+(?P<no2>not\s+)?(?:a|an)\s+(?:\w+\s+){0,2}?(?P<poor>poor|bad|weak|good|great|"
    r"strong|fine|natural|suitable|nice)\s+(?:fit|match|choice|pick)|(?P<verb>fits?|suits?|match(?:es)?|aligns?|"
    r"(?:is |are )?(?:in line|consistent|inconsistent|at odds|out of line)|appeals?|deviates?|differs?|clash(?:es)?))\b"
)
_OPPOSED = re.compile(r"inconsistent|at odds|out of line|deviate|differ|clash")


def read_decision(text: str) -> bool | None:
    """Return whether a text recommends the item: True, False, or None if it does not say or contradicts itself.

    Args:
        text: an explanation in free prose, with or without Markdown.
    """
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}\n{text[-LONGEST // 2 :]}"
    sentences = _sentences(text)
    if not sentences:
        return None
    if len({match[1] for match in map(_PLAIN.fullmatch, sentences[:2]) if match}) > 1:
        return None
    verdicts = [_verdict(sentence) for sentence in sentences]
    conclusion = _conclusion(sentences, verdicts)
    first = verdicts[0]
    if first is not None:
        return first if conclusion is None or conclusion == first else None
    if conclusion is not None:
        return conclusion
    for answers in (verdicts, [_fits(sentence) for sentence in sentences]):
        decisions = {answer for answer in answers if answer is not None}
        if decisions:
            return decisions.pop() if len(decisions) == 1 else None
    return None


def _sentences(text: str) -> list[str]:
    """Cut a text into sentences in lower case, without Markdown."""
    text = text.lower()
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    sentences = [" ".join(match[0].split()) for match in _SENTENCE.finditer(text)]
    sentences = [sentence for sentence in sentences if re.search(r"\w", sentence)]
    # A question and what follows it belong together: "Will the user like it? No."
    joined: list[str] = []
    for sentence in sentences:
        if joined and (joined[-1].endswith("?") or re.fullmatch(r"\W*\w+\W*:\W*", joined[-1])):
            joined[-1] += " " + sentence
        else:
            joined.append(sentence)
    return joined


def _conclusion(sentences: list[str], verdicts: list[bool | None]) -> bool | None:
    """Return the decision of the last sentence that draws a conclusion, None if there is none after the first."""
    for place in range(len(sentences) - 1, 0, -1):
        if marker := _CONCLUSION.search(sentences[place]):
            told = verdicts[place]
            return told if told is not None else _fits(sentences[place][marker.start() :])
    return None


def _verdict(sentence: str) -> bool | None:
    """Return what a sentence decides by a plain answer or by a forecast."""
    if _BOTH.search(sentence):
        return None
    for pattern in (_START, _LABEL, _CHECKBOX):
        if match := pattern.search(sentence):
            return match[1].startswith("y")
    if match := _BARE.search(sentence):
        return match["no"] is None
    if _SILENT.search(sentence):
        return None
    verdicts = {_forecast(sentence, match) for match in _VERDICT.finditer(sentence)} - {None}
    return verdicts.pop() if len(verdicts) == 1 else None


def _forecast(sentence: str, match: re.Match[str]) -> bool | None:
    """Return what one forecast in a sentence says; an even number of negations cancels out."""
    after = sentence[match.end() :]
    if _ELSEWHERE.search(after):
        return None
    start = max((cut.end() for cut in _CLAUSE.finditer(sentence, 0, match.start())), default=0)
    # Inside the match too: "will not like", "is unlikely".
    negations = len(_NEGATIONS.findall(sentence[start : match.end()]))
    return (negations + bool(match["bad"])) % 2 == 0


def _fits(sentence: str) -> bool | None:
    """Return what a sentence decides by saying whether the item fits."""
    verdicts = set()
    for match in _FITTING.finditer(sentence):
        negative = bool(match["no"] or match["no2"])
        opposed = match["poor"] in ("poor", "bad", "weak") or bool(match["verb"] and _OPPOSED.search(match["verb"]))
        verdicts.add(negative == opposed)
    return verdicts.pop() if len(verdicts) == 1 else None
