import pytest
from processes import Server


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def server():
    with Server() as running:
        running.handshake()
        yield running
