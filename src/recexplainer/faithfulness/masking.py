"""A text without its verdict: what is left for readers who are to learn from the reasons alone.

Words that say or imply the decision are taken out: answers, negations, forecasts of liking, words of fitting, and the
connectives that follow from the decision ("also", "so", "but"). They are dropped, not replaced, so that their number
does not tell either. A text can still give its verdict away by what it speaks of; how often it does is measured too
(see :mod:`recexplainer.faithfulness.readers`).
"""

import re

_CONTRACTED = re.compile(r"n['’]t\b", re.IGNORECASE)
_VERDICT = re.compile(
    r"\b(?:yes|yeah|yep|no|nope|not|cannot|never|neither|nor|none|without|hardly|lacks?|lacking|fails?|"
    r"(?:un)?likely|probably|definitely|certainly|surely|absolutely|will|would|should|could|may|might|does|do|did|"
    r"recommend\w*|offer\w*|suggest\w*|decision|decid\w+|answers?|verdict|prediction|conclu\w+|"
    r"(?:mis|un)?fit\w*|(?:un)?suit\w*|(?:mis)?match\w*|(?:mis)?align\w*|(?:in)?consisten\w+|"
    r"(?:dis|un)?like[ds]?|(?:dis)?liking|enjoy\w*|love[ds]?|hate[ds]?|appeal\w*|(?:un)?appealing|avoid\w*|reject\w*|"
    r"skip\w*|ignor\w+|accept\w*|(?:un)?interested|uninteresting|good|great|strong|perfect|poor|bad|weak|wrong|right|"
    r"also|too|so|therefore|thus|hence|because|since|but|however|although|though|instead|while|whereas|despite|rather|"
    r"unfortunately|can|ca|wo)\b",
    re.IGNORECASE,
)


def mask_verdict(text: str) -> str:
    """Return a text without the words that give its decision away; words in lower or upper case alike."""
    # "wouldn't" is "would not", and "can't" leaves "ca".
    return " ".join(_VERDICT.sub(" ", _CONTRACTED.sub(" not", text)).split())
