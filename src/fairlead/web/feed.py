"""Tells open streams that something was stored; they fetch it from the store themselves."""

import asyncio

from fairlead.store.interface import Intake


class Subscription:
    """What happened since it was last taken."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.collectors: set[str] = set()
        self.lines = False

    def take(self) -> tuple[list[str], bool]:
        """Return the collectors that ticked and whether lines came, and begin anew."""
        collectors, lines = sorted(self.collectors), self.lines
        self.collectors, self.lines = set(), False
        self.woken.clear()
        return collectors, lines


class Feed:
    """One a program; `publish` is called on the loop after each acknowledged write."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def publish(self, intake: Intake) -> None:
        """Wake every stream."""
        for subscription in self._subscriptions:
            subscription.collectors.update(tick.collector for _, ticks in intake.ticks for tick in ticks)
            subscription.lines = subscription.lines or any(len(batch) for batch in intake.batches)
            subscription.woken.set()

    def subscribe(self) -> Subscription:
        """Return a new subscription; give it back with `unsubscribe`."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        self._subscriptions.discard(subscription)
