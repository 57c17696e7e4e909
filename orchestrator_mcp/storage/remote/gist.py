"""Feedback into a gist of a person's own: one new file per batch, so that nothing there is ever rewritten."""

import json
from dataclasses import dataclass, field

from .address import place_of
from .endpoint import refuse_unless_taken
from .http import Request, exchange


@dataclass(frozen=True)
class GistTarget:
    """The gist's address in the API, and a token that may write gists."""

    url: str
    token: str = field(repr=False)

    def send(self, name: str, body: bytes) -> str:
        """Add the batch as a file."""
        change = {"files": {f"feedback-{name}.json": {"content": body.decode()}}}
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        answer = exchange(Request("PATCH", self.url, json.dumps(change).encode(), headers))
        refuse_unless_taken(answer, place_of(self.url))
        return place_of(self.url)
