"""Services that speak OpenAI's protocol."""

from typing import Any, Literal

from pydantic import Field

from recexplainer.config.kinds import Address, Count, Natural, NotNegative, Positive, Section, Text


class Price(Section):
    """USD per million tokens"""

    input: NotNegative
    """of what is asked"""
    output: NotNegative
    """of what is answered"""


class Service(Section):
    """Where a service is, what is asked, what it costs."""

    base_url: Address
    """with the query that the service wants, if any: https://example.org/v1?api-version=2024-10-21; a key never
    stands here"""
    model: Text
    """the paper's"""
    key_variable: Text | None
    """the environment variable that holds the key, in capitals; the key itself is written nowhere. null: the
    service needs none, as one on this machine (http://127.0.0.1:8321/v1) or in your own network"""
    temperature: NotNegative | None
    """0: as deterministic as the service can be; null: none is sent, for models that take none"""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """the request's field for the longest answer: max_tokens, or max_completion_tokens for newer models"""
    token_limit: Count | None = None
    """longest answer in tokens, thoughts included, in place of the explanation's max_tokens and judge_max_tokens;
    null: those. A model that thinks before it answers needs some thousand."""
    json_schema: bool = False
    """a judge's reply as JSON of a given schema, where the service offers it"""
    extra: dict[str, Any] = Field(default={})
    """further fields of every request, such as reasoning_effort: low"""
    proxy: Literal["environment", "none"] = "environment"
    """environment: through the proxies of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, but for the hosts of NO_PROXY; none:
    directly"""
    concurrency: Count
    """requests at once"""
    timeout: Positive
    """seconds for one answer"""
    retries: Natural
    """tries after the first one"""
    price: Price
    batch: bool
    """ask through the Batch API: half the price, within a day"""
    batch_poll: Positive
    """seconds between two looks at a batch"""


class Prices(Section):
    """What the services cost, by their names."""

    prices: dict[str, Price]
