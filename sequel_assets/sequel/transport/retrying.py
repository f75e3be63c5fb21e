"""Retries a call: full jitter, no sooner than `Retry-After`, within a budget that counts from the first failure."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, wait_random_exponential

from sequel_assets.sequel.config import SequelConfig
from sequel_assets.sequel.exceptions import SequelError, Uncertain
from sequel_assets.sequel.stats import ClientStats
from sequel_assets.sequel.transport.call import Call
from sequel_assets.sequel.transport.response_rules import RetryPolicy, is_retryable, leaves_in_doubt, retry_policy

FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 20.0
BRIEF_ATTEMPTS = 3

logger = logging.getLogger(__name__)
_jitter = wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS)

T = TypeVar("T")


class Retrier:
    """Runs attempts until one succeeds, or the rule for the error, the number of attempts or the budget stops it.

    The time spent is measured twice, by the clock and as the sum of the waits, and the larger counts: so a client whose
    sleep takes no time (in tests) ends as well.
    """

    def __init__(
        self,
        config: SequelConfig,
        stats: ClientStats,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._stats = config, stats
        self._sleep, self._monotonic = sleep, monotonic

    def run(self, call: Call, attempt: Callable[[], T]) -> T:
        """The attempt's value, or its last error, which then knows how often it was tried.

        An error that has a number of attempts already comes from signing in, which has retries of its own: it is final.
        """
        history = _AttemptHistory(call, self._config, self._monotonic)
        retrying = Retrying(
            sleep=self._pause,
            wait=_wait_seconds,
            retry=history.may_go_on,
            stop=history.is_over,
            before_sleep=_log_retry,
            reraise=True,
        )
        attempts = 0
        try:
            for trial in retrying:
                with trial:
                    attempts += 1
                    return attempt()
        except SequelError as error:
            if error.attempts:
                raise
            error.attempts, error.is_retryable = attempts, is_retryable(error, call)
            if not leaves_in_doubt(error, call):
                raise
            doubt = Uncertain(f"it may or may not be done: {error.message}", status=error.status, path=error.path)
            doubt.attempts = attempts
        raise doubt  # outside the handler, so that the first error is not chained to it

    def _pause(self, seconds: float) -> None:
        self._stats.add(retries=1, seconds_waited=seconds)
        self._sleep(seconds)


class _AttemptHistory:
    """The attempts of one call so far, and whether another one may follow."""

    def __init__(self, call: Call, config: SequelConfig, monotonic: Callable[[], float]) -> None:
        self._call, self._config, self._monotonic = call, config, monotonic
        self._first_failure_at: float | None = None
        self._counted_attempts = 0  # those that were not throttled

    def may_go_on(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome is not None else None
        if not isinstance(error, SequelError) or error.attempts or self._config.max_attempts == 1:
            return False
        policy = retry_policy(error, self._call)
        if policy is RetryPolicy.THROTTLED:
            return True
        self._counted_attempts += 1
        limits = {RetryPolicy.NEVER: 1, RetryPolicy.ONCE: 2, RetryPolicy.BRIEFLY: BRIEF_ATTEMPTS}
        return self._counted_attempts < min(limits.get(policy, math.inf), self._config.max_attempts)

    def is_over(self, state: RetryCallState) -> bool:
        now = self._monotonic()
        if self._first_failure_at is None:
            self._first_failure_at = now
        spent_seconds = max(now - self._first_failure_at, state.idle_for) + state.upcoming_sleep
        return spent_seconds > self._config.retry_budget_seconds


def _wait_seconds(state: RetryCallState) -> float:
    """The jitter or Sequel's `Retry-After`, whichever is longer."""
    error = state.outcome.exception() if state.outcome is not None else None
    retry_after = error.retry_after_seconds if isinstance(error, SequelError) else None
    return max(_jitter(state), retry_after or 0.0)


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    logger.info("%s: next attempt in %.1f s", error, state.upcoming_sleep)
