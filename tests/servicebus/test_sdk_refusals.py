"""What the broker does not do it refuses with an error that the SDK tells apart; nothing is half done."""

import asyncio
import datetime as dt
import time
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import (
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusError,
)

from localcloud.servicebus.access import AccessKey
from tests.servicebus.tokens import sas_token


async def refusal(link: Any) -> ServiceBusError:
    with pytest.raises(ServiceBusError) as caught:
        await link._open_with_retry()
    await link.close()
    return caught.value


async def test_links_to_what_does_not_exist_or_is_not_supported_are_refused(broker: Any) -> None:
    async with ServiceBusClient.from_connection_string(
        broker.broker.connection_string, retry_total=0
    ) as client:
        unknown_sender, unknown_receiver, dead_sender, session = await asyncio.gather(
            refusal(client.get_queue_sender("unknown")),
            refusal(client.get_queue_receiver("unknown")),
            refusal(client.get_queue_sender("wire/$DeadLetterQueue")),
            refusal(client.get_queue_receiver("wire", session_id="s")),
        )
    assert isinstance(unknown_sender, MessagingEntityNotFoundError)
    assert isinstance(unknown_receiver, MessagingEntityNotFoundError)
    assert dead_sender._condition == "amqp:not-allowed"
    assert session._condition == "amqp:not-implemented"
    assert "Sessions" in str(session)


async def test_only_a_valid_token_of_a_known_key_opens_a_link(broker: Any) -> None:
    port = broker.broker.port
    now = time.time()
    good, known = AccessKey(name="RootManageSharedAccessKey", secret="local-secret"), f"sb://127.0.0.1:{port}"
    tokens = {
        "wrong key": sas_token(AccessKey(name=good.name, secret="wrong"), f"{known}/wire", now + 60),
        "unknown name": sas_token(AccessKey(name="nobody", secret=good.secret), f"{known}/wire", now + 60),
        "expired": sas_token(good, f"{known}/wire", now - 1),
        "other queue": sas_token(good, f"{known}/windows", now + 60),
        "garbage": "SharedAccessSignature sr=x",
    }
    string = f"Endpoint={known};SharedAccessSignature={{}};UseDevelopmentEmulator=true"
    clients = {
        name: ServiceBusClient.from_connection_string(string.format(token), retry_total=0)
        for name, token in tokens.items()
    }
    errors = await asyncio.gather(*(refusal(client.get_queue_sender("wire")) for client in clients.values()))
    assert {name: type(error) for name, error in zip(clients, errors, strict=True)} == dict.fromkeys(
        clients, ServiceBusAuthenticationError
    )
    accepted = ServiceBusClient.from_connection_string(string.format(sas_token(good, known, now + 60)))
    async with accepted, accepted.get_queue_sender("forgetful") as sender:
        await sender.send_messages(ServiceBusMessage("hello", time_to_live=dt.timedelta(seconds=1)))
    for client in clients.values():
        await client.close()
