"""The configuration file: the emulator's shape, and a clear word about everything that cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest

from localcloud.servicebus import config
from localcloud.servicebus.config import ConfigError
from localcloud.servicebus.queues import QueueSettings

SHIPPED = Path(config.__file__).with_name("queues.json")


def document(*queues: dict[str, Any], **namespace: Any) -> dict[str, Any]:
    return {"UserConfig": {"Namespaces": [{"Name": "sbemulatorns", "Queues": list(queues), **namespace}]}}


def test_the_shipped_file_holds_the_queues_of_the_application() -> None:
    expected = {
        "lock_duration": 30_000,
        "max_delivery_count": 5,
        "default_ttl": 14 * 86_400_000,
        "dead_letter_expired": True,
        "duplicate_window": 600_000,
    }
    names = ("content-jobs", "content-jobs-high", "content-jobs-low", "content-callbacks")
    assert config.load(SHIPPED) == tuple(QueueSettings(name=name, **expected) for name in names)


def test_what_a_queue_does_not_say_is_as_in_the_service() -> None:
    assert config.parse(document({"Name": "q"})) == (
        QueueSettings(name="q", lock_duration=60_000, max_delivery_count=10),
    )


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("PT1.5S", 1500), ("PT1M", 60_000), ("P1DT2H3M4S", 93_784_000), ("PT20S", 20_000)],
)
def test_durations_are_iso_8601(text: str, milliseconds: int) -> None:
    (queue,) = config.parse(document({"Name": "q", "Properties": {"LockDuration": text}}))
    assert queue.lock_duration == milliseconds


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "UserConfig"),
        ([], "UserConfig"),
        ({"UserConfig": {"Namespaces": [{}, {}]}}, "one namespace"),
        (document(), "at least one queue"),
        (document({"Name": "q"}, {"Name": "Q"}), "no name twice"),
        (document({"Name": "$bad"}), "no valid queue name"),
        (document({"Name": "q", "Properties": {"Typo": 1}}), "known names"),
        (document({"Name": "q", "Properties": {"LockDuration": "30"}}), "LockDuration must be an ISO"),
        (document({"Name": "q", "Properties": {"LockDuration": "PT"}}), "LockDuration must be an ISO"),
        (document({"Name": "q", "Properties": {"MaxDeliveryCount": 0}}), "MaxDeliveryCount must be"),
        (document({"Name": "q", "Properties": {"RequiresSession": True}}), "sessions"),
        (document({"Name": "q", "Properties": {"RequiresSession": "no"}}), "true or false"),
        (document({"Name": "q", "Properties": {"ForwardTo": "other"}}), "forwarding"),
        (document({"Name": "q"}, Topics=[{"Name": "t"}]), "topics"),
    ],
)
def test_what_cannot_be_used_is_named(wrong: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config.parse(wrong)


@pytest.mark.parametrize("content", [None, "{", "\ud800"])
def test_a_missing_or_broken_file_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "queues.json"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError, match=r"queues\.json"):
        config.load(path)


def test_the_shipped_file_is_plain_json_in_the_shape_of_the_emulator() -> None:
    loaded = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert list(loaded) == ["UserConfig"]
