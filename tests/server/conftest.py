from collections.abc import Iterator

import pytest
from processes import Server


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        running.handshake()
        yield running
