"""A chat template that fails, never ends or fills the memory ends in one line."""

import resource
import signal

import pytest
from tiny import tiny_tokenizer

from recexplainer.errors import InputError
from recexplainer.llm import limits
from recexplainer.llm.plain_text import PlainText
from recexplainer.llm.template import BadTemplate, ChatTemplate, render

ASKED = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
LOOP = "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3


@pytest.fixture
def tokenizer():
    return tiny_tokenizer()


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 1 // (messages | length - 2) }}", "division or modulo by zero|division by zero"),
        ("{{ 'a' * 10 ** 11 }}", "more memory than there is room for"),
        ("{{ 'a' * 10 ** 9 * messages | length * 9 }}", "more memory than there is room for"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "recursion"),
        ("{{ messages[9].content }}", "no element 9"),
        ("{{ raise_exception('no\n\x1b[31m') }}", r"no \\x1b\[31m"),
        ("{% if %}", "Expected an expression"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% for a in range(10 ** 9) %}{% endfor %}", "Range too big"),
    ],
)
def test_a_template_that_fails_is_refused_in_one_line(tokenizer, template, said):
    tokenizer.chat_template = template
    with pytest.raises(BadTemplate, match=said) as caught:
        render(tokenizer, ASKED)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)
    assert "Set llm.chat_template to another." in str(caught.value)


@pytest.mark.parametrize(
    "template", [LOOP, "{% set n = messages | length + 8 %}{{ n ** (n ** n) }}", "{{ 10 ** (10 ** 9) }}"]
)
def test_a_template_that_never_ends_is_ended(tokenizer, template, monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 0.2)
    tokenizer.chat_template = template
    with pytest.raises(BadTemplate, match="does not come to an end|more memory|Exceeds the limit"):
        render(tokenizer, ASKED)


def test_the_limits_end_with_what_they_are_for(tokenizer):
    before = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGVTALRM)
    tokenizer.chat_template = "{{ 1 / 0 }}"
    with pytest.raises(InputError):
        render(tokenizer, ASKED)
    assert (resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGVTALRM)) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


@pytest.mark.parametrize(
    "template",
    [
        "{% for message in messages %}{{ message.role }}{% endfor %}",
        "{% for message in messages %}{{ message.content }}{{ message.content }}{% endfor %}",
        "{% for message in messages | reverse %}{{ message.content }}{% endfor %}",
        "",
    ],
)
def test_a_template_that_leaves_messages_out_or_writes_them_otherwise_is_refused(tokenizer, template):
    tokenizer.chat_template = template or "x"
    with pytest.raises(InputError, match="leaves a message out, or writes one twice"):
        ChatTemplate(PlainText(tokenizer)).turns(("user", "assistant"), False)


def test_an_ordinary_template_is_rendered(tokenizer):
    tokenizer.chat_template = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    assert render(tokenizer, ASKED) == "user: a\nassistant: b\n"
    assert len(ChatTemplate(PlainText(tokenizer)).turns(("user", "assistant"), False)) == 3
