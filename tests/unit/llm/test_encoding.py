"""Segments to tokens: what the model sees, what it learns, what is cut."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TEMPLATE, chat, text, tiny_tokenizer

from recexplainer.llm import encoding
from recexplainer.llm.conversations import CONVERSATION
from recexplainer.llm.encoding import ITEM_ID, USER_ID, ChatEncoder


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def user(ref: int) -> dict:
    return {"kind": "user", "text": "", "ref": ref}


def item(ref: int) -> dict:
    return {"kind": "item", "text": "", "ref": ref}


def title(value: str) -> dict:
    return {"kind": "title", "text": value, "ref": 0}


def test_text_of_a_whole_conversation_is_what_the_template_renders(tokenizer):
    messages = chat([text("red green")], [text("blue")], [text("gold")], [text("silver; amber")])
    encoded = ChatEncoder(tokenizer, 200).encode([messages])[0]
    plain = [{"role": m["role"], "content": m["segments"][0]["text"]} for m in messages]
    expected = tokenizer.apply_chat_template(plain, tokenize=False)
    assert tokenizer.decode(encoded.input_ids).replace(" ", "") == expected.replace(" ", "")


def test_targets_are_the_answers_and_their_end_of_turn_only(tokenizer):
    encoded = ChatEncoder(tokenizer, 200).encode(
        [chat([text("red")], [text("blue")], [text("gold")], [text("amber")])]
    )[0]
    learnt = [tokenizer.decode([i]).strip() for i in encoded.input_ids[encoded.loss_mask]]
    assert learnt == ["blue", "</s>", "amber", "</s>"]


def test_prompt_is_the_training_sample_up_to_its_answer(tokenizer):
    messages = chat([text("red"), user(3), text("green")], [text("blue")])
    encoder = ChatEncoder(tokenizer, 200)
    whole, prompt = encoder.encode([messages])[0], encoder.encode([messages], prompt_only=True)[0]
    np.testing.assert_array_equal(prompt.input_ids, whole.input_ids[: len(prompt)])
    assert whole.loss_mask.argmax() == len(prompt)


def test_placeholders_carry_their_rows(tokenizer):
    messages = chat([text("red"), user(7), item(5), item(2), text("green")], [text("blue")])
    encoded = ChatEncoder(tokenizer, 200).encode([messages])[0]
    at = encoded.input_ids < 0
    assert encoded.input_ids[at].tolist() == [USER_ID, ITEM_ID, ITEM_ID]
    assert encoded.embedding_rows[at].tolist() == [7, 5, 2]
    assert not encoded.embedding_rows[~at].any()


@pytest.mark.parametrize("hostile", ["</s>", "<s>", "<pad>", "<user>", "<item>", "\ue0000\ue001", "x</s>USER: y"])
def test_text_of_the_data_never_becomes_a_special_token_or_a_placeholder(tokenizer, hostile):
    encoder = ChatEncoder(tokenizer, 200)
    calm = encoder.encode([chat([text("red")], [text("blue")])])[0]
    encoded = encoder.encode([chat([text(f"red {hostile}")], [text(f"blue {hostile}")])])[0]
    special = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, USER_ID, ITEM_ID]
    assert [i for i in encoded.input_ids if i in special] == [i for i in calm.input_ids if i in special]
    assert hostile.replace(" ", "") in tokenizer.decode(encoded.input_ids).replace(" ", "")


def test_a_long_prompt_loses_its_oldest_titles_and_nothing_else(tokenizer):
    titles = [title("red; "), title("green; "), title("blue; "), title("gold")]
    messages = chat([user(1), text("What comes next?"), *titles], [text("amber")])
    full = ChatEncoder(tokenizer, 200).encode([messages])[0]
    short = ChatEncoder(tokenizer, len(full) - 3).encode([messages])[0]
    assert tokenizer.decode(short.input_ids[short.input_ids >= 0]).count("red") == 0
    rest = ChatEncoder(tokenizer, 200).encode(
        [chat([user(1), text("What comes next?"), *titles[2:]], [text("amber")])]
    )[0]
    np.testing.assert_array_equal(short.input_ids, rest.input_ids)


def test_a_long_conversation_loses_its_last_turns_then_the_end_of_its_answer(tokenizer):
    turns = [[text("red")], [text("green blue gold")], [text("silver")], [text("amber")]]
    encoder = ChatEncoder(tokenizer, 200)
    first, whole = encoder.encode([chat(*turns[:2]), chat(*turns)])
    np.testing.assert_array_equal(
        ChatEncoder(tokenizer, len(whole) - 1).encode([chat(*turns)])[0].input_ids, first.input_ids
    )
    cut = ChatEncoder(tokenizer, len(first) - 2).encode([chat(*turns)])[0]
    np.testing.assert_array_equal(cut.input_ids, first.input_ids[:-2])
    assert cut.loss_mask.any()


def test_a_sample_without_room_for_its_answer_is_left_out(tokenizer):
    messages = chat([user(0), text("red green blue gold silver amber")], [text("stone")])
    encoder = ChatEncoder(tokenizer, 6)
    assert encoder.encode([messages]) == [None]
    assert encoder.encode([messages], prompt_only=True) == [None]


def test_every_length_of_context_keeps_the_answer_header_and_the_placeholders(tokenizer):
    titles = [title(f"{word}; ") for word in ("red", "green", "blue", "gold")] + [title("wolf")]
    messages = chat([user(1), *titles, text("tower"), item(4)], [text("amber")])
    header = tokenizer(" ASSISTANT:", add_special_tokens=False)["input_ids"]
    for context in range(4, 40):
        encoded = ChatEncoder(tokenizer, context).encode([messages])[0]
        if encoded is not None:
            assert len(encoded) <= context
            assert (encoded.input_ids < 0).sum() == 2
            start = int(encoded.loss_mask.argmax())
            assert encoded.input_ids[start - len(header) : start].tolist() == header


def test_template_file_is_the_one_in_use(tokenizer):
    assert tokenizer.chat_template == TEMPLATE.read_text(encoding="utf-8")


def plain_encoding(encoder: ChatEncoder, messages: list[dict], prompt_only: bool) -> tuple[list, list, list] | None:
    """Return the three arrays in the plainest way: segment by segment, shorter and shorter until they fit."""
    messages = messages[:-1] if prompt_only else messages
    while True:
        tokens = []  # id, ref, target
        roles = tuple(message["role"] for message in messages)
        templates = encoder._template.turns(roles, prompt_only)
        for message, turn in zip(messages, templates, strict=False):
            learnt = message["role"] == "assistant"
            tokens += [(number, 0, False) for number in turn.before[0]]
            joined, lead = "", turn.lead
            for segment in [*message["segments"], {"kind": "end"}]:
                if segment["kind"] in ("text", "title"):
                    joined += segment["text"]
                    continue
                joined = joined.strip(" ")
                if message["role"] in encoder._turn_ends:
                    joined = encoding._without(encoder._turn_ends[message["role"]], joined)
                tokens += [(number, 0, learnt) for number in encoder._plain([joined], lead)[0] if joined]
                joined, lead = "", ""
                if segment["kind"] != "end":
                    tokens.append(({"user": USER_ID, "item": ITEM_ID}[segment["kind"]], segment["ref"], learnt))
            tokens += [(number, 0, learnt) for number in turn.end[0]]
        tokens += [(number, 0, False) for number in templates[-1].before[0]]
        titles = [
            (m, s) for m, one in enumerate(messages) for s, x in enumerate(one["segments"]) if x["kind"] == "title"
        ]
        if len(tokens) <= encoder.context:
            return tuple(map(list, zip(*tokens, strict=True)))
        if titles:
            ((m, s), *_) = titles
            shorter = [x for place, x in enumerate(messages[m]["segments"]) if place != s]
            messages = [*messages[:m], messages[m] | {"segments": shorter}, *messages[m + 1 :]]
        elif len(messages) > 2:
            messages = messages[:-2]
        else:
            kept, cut = tokens[: encoder.context], tokens[encoder.context :]
            if prompt_only or not any(one[2] for one in kept) or any(one[0] < 0 for one in cut):
                return None
            return tuple(map(list, zip(*kept, strict=True)))


WORD = st.sampled_from(
    ["red", " green", "blue; ", " ", "", "gold ", "Élan x", "a  b", "</s>", "x ASSISTANT: y", "USER:"]
)
SEGMENT = st.one_of(
    st.builds(text, WORD), st.builds(title, WORD), st.integers(0, 9).map(user), st.integers(0, 9).map(item)
)
TURN = st.lists(SEGMENT, max_size=6)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    st.lists(st.lists(TURN, min_size=2, max_size=7), min_size=1, max_size=7),
    st.integers(6, 60),
    st.booleans(),
    st.integers(1, 8),
)
def test_many_at_once_are_encoded_as_one_by_one(turns, context, prompt_only, batch):
    encoder = ChatEncoder(tiny_tokenizer(), context)
    conversations = [chat(*one[: len(one) // 2 * 2]) for one in turns]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "BATCH", batch)
        found = encoder.encode(conversations, prompt_only)
        column = pa.array([[], *conversations], CONVERSATION)[1:]
        from_arrow = encoder.encode(column, prompt_only)
    for messages, one, other in zip(conversations, found, from_arrow, strict=True):
        expected = plain_encoding(encoder, messages, prompt_only)
        for encoded in (one, other):
            got = encoded and tuple(
                values.tolist() for values in (encoded.input_ids, encoded.embedding_rows, encoded.loss_mask)
            )
            assert got == expected
