"""Plain users of Locust beside a scenario: load in the background, neither counted nor judged.

A scenario has as many Locust users as its rate. The users of other classes come on top of them, so
many of each as its ``fixed_count`` says, for as long as Locust's users live. What they send stands
in Locust's statistics alone.
"""

import traceback
from collections.abc import Iterable, Sequence
from typing import Any

from locust import TaskSet, User
from locust.dispatch import UsersDispatcher

from harness.load.exception_text import place_of_class


def classes_of(classes: Sequence[Any], borrower_class: type) -> list[Any]:
    """Those of Locust's classes that run beside a scenario; none where there is no scenario."""
    beside = [each for each in classes if not issubclass(each, borrower_class)]
    return beside if len(beside) < len(classes) else []


def count_of(classes: Iterable[Any]) -> int:
    """How many users of them there are."""
    return sum(each.fixed_count for each in classes)


def told(classes: Iterable[Any]) -> list[str]:
    """What a run says of them, for the reader of its verdict."""
    return [
        f"background load beside the rate: {each.fixed_count} of {each.__name__}"
        f" ({place_of_class(each)}); what it sent is neither counted nor judged"
        for each in classes
    ]


def dispatcher_for(borrower_class: type) -> type:
    """What spawns Locust's users: as many borrowers as asked for, and the others on top."""

    class BesideRate(UsersDispatcher):  # type: ignore[misc]  # Locust ships no types
        def new_dispatch(self, target_user_count: int, *args: Any, **fields: Any) -> None:
            beside = count_of(classes_of(self._original_user_classes, borrower_class))
            super().new_dispatch(target_user_count + beside, *args, **fields)

    return BesideRate


def aim_at_start(environment: Any, borrower_class: type) -> None:
    """Have background load without a host of its own go where the borrowers go.

    Locust itself sends it to ``--host``, where that is given. The address of the local stack is
    known when a run has set it up, and comes to workers with Locust's options.
    """
    own: dict[Any, str | None] = {}

    def aim(**_: Any) -> None:
        classes = classes_of(environment.user_classes, borrower_class)
        for each in classes:  # all of them first: a class may inherit the host of another
            own.setdefault(each, each.host)
        for each in classes:
            each.host = own[each] or getattr(environment.parsed_options, "background_host", None)

    environment.events.test_start.add_listener(aim)


def raised_it(borrower_class: type, error: BaseException) -> bool:
    """Whether background load raised this: a user of it, or its tasks, is among the callers."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        owner = frame.f_locals.get("self")
        user = owner.user if isinstance(owner, TaskSet) else owner
        if isinstance(user, User):
            return not isinstance(user, borrower_class)
    return False
