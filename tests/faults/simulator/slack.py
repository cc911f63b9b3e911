"""Slack: takes every post, and knows no repetition."""

from collections import Counter

from dropforge.domain.message import Message


class Slack:
    """Counts posts.

    Attributes:
        posts: How often each message was accepted, by its id.
    """

    def __init__(self) -> None:
        self.posts = Counter[str]()

    def tell(self, message: Message) -> None:
        """See `Notifier.tell`."""
        self.posts[message.id] += 1
